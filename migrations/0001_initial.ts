import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table install (
    id boolean primary key default true check (id),
    key_check bytea not null,
    created_at timestamptz not null
  )`,
  `create table teams (
    id uuid primary key,
    name text not null,
    created_at timestamptz not null
  )`,
  `create table api_keys (
    id uuid primary key,
    team_id uuid not null references teams (id) on delete cascade,
    name text not null,
    key_hash bytea not null unique,
    key_prefix text not null,
    scopes text[] not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz not null
  )`,
  `create table apps (
    id uuid primary key,
    team_id uuid not null references teams (id) on delete cascade,
    name text not null,
    vapid_public_key text not null,
    vapid_private_key bytea not null,
    settings json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
  )`,
  `create index apps_team on apps (team_id, id)`,
  `create table subscribers (
    app_id uuid not null references apps (id) on delete cascade,
    id uuid not null,
    platform text not null,
    token text not null,
    token_hash bytea not null,
    p256dh bytea,
    auth bytea,
    user_id text,
    tags text[] not null,
    metadata json not null,
    status text not null,
    last_seen_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (app_id, id),
    unique (app_id, token_hash)
  )`,
  // Serves the fan-out's key ranges and the count of active subscribers without touching the rows.
  `create index subscribers_audience on subscribers (app_id, status, id)`,
  `create index subscribers_user on subscribers (app_id, user_id) where user_id is not null`,
  `create index subscribers_last_seen on subscribers (status, last_seen_at)`,
  `create table notifications (
    app_id uuid not null references apps (id) on delete cascade,
    id uuid not null,
    title text not null,
    content json not null,
    targeting json,
    status text not null,
    failure_reason text,
    total_count integer not null default 0,
    total_batches integer not null default 0,
    completed_batches integer not null default 0,
    sent_count integer not null default 0,
    failed_count integer not null default 0,
    delivered_count integer not null default 0,
    clicked_count integer not null default 0,
    scheduled_at timestamptz,
    sent_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (app_id, id)
  )`,
  `create table notification_batches (
    app_id uuid not null,
    notification_id uuid not null,
    number integer not null,
    first_subscriber_id uuid not null,
    last_subscriber_id uuid not null,
    attempt integer not null,
    sent_count integer not null default 0,
    failed_count integer not null default 0,
    completed_at timestamptz,
    primary key (app_id, notification_id, number),
    foreign key (app_id, notification_id) references notifications (app_id, id) on delete cascade
  )`,
  `create table idempotency_keys (
    app_id uuid not null references apps (id) on delete cascade,
    key text not null,
    request_hash bytea not null,
    response json not null,
    created_at timestamptz not null,
    primary key (app_id, key)
  )`,
  `create index idempotency_keys_age on idempotency_keys (created_at)`,
  `create table webhooks (
    app_id uuid not null references apps (id) on delete cascade,
    id uuid not null,
    url text not null,
    secret bytea,
    previous_secret bytea,
    previous_secret_expires_at timestamptz,
    signature text not null default 'hmac',
    signing_key bytea,
    public_key text,
    events text[] not null,
    filter json,
    header_names text[] not null default '{}',
    header_values bytea,
    description text,
    retry_schedule integer[],
    rate_limit integer,
    max_in_flight integer,
    batch json,
    auto_recover boolean not null default false,
    enabled boolean not null,
    generation integer not null default 0,
    failure_count integer not null default 0,
    failing_since timestamptz,
    disabled_at timestamptz,
    disabled_reason text,
    last_triggered_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (app_id, id)
  )`,
  // When the next delivery of a webhook with a rate limit may start. Not logged: worth nothing after a crash.
  `create unlogged table webhook_rates (
    webhook_id uuid primary key,
    next_free_at timestamptz not null
  ) with (fillfactor = 50)`,
  `create table replays (
    app_id uuid not null,
    id uuid not null,
    webhook_id uuid not null,
    webhook_generation integer not null,
    since timestamptz not null,
    until timestamptz not null,
    events text[] not null,
    selection text not null,
    status text not null,
    last_event_id uuid,
    event_count integer not null default 0,
    created_at timestamptz not null,
    finished_at timestamptz,
    primary key (app_id, id),
    foreign key (app_id, webhook_id) references webhooks (app_id, id) on delete cascade
  )`,
  // Somebody follows the events of an app: they are kept although no webhook names them.
  `create table event_streams (
    app_id uuid not null references apps (id) on delete cascade,
    id uuid not null,
    expires_at timestamptz not null,
    primary key (app_id, id)
  )`,
  // As rate-limiter-flexible wants it; used with PostgreSQL, where several processes count together. Not logged: it
  // is worth nothing after a crash.
  `create unlogged table rate_limits (
    key varchar(255) primary key,
    points integer not null default 0,
    expire bigint
  )`,
  // No foreign keys below: these take thousands of rows a second, and each key would cost a locked look-up per row.
  // What deletes an app deletes them by hand (apps/app-store.ts). They are partitioned by the time in their UUIDv7
  // keys, so that old rows go with their partition (platform/partitions.ts makes them).
  `create table events (
    app_id uuid not null,
    id uuid not null,
    type text not null,
    body text not null,
    occurred_at timestamptz not null,
    primary key (app_id, id)
  ) partition by range (id)`,
  `create table deliveries (
    app_id uuid not null,
    id uuid not null,
    event_id uuid not null,
    event_type text not null,
    webhook_id uuid not null,
    webhook_generation integer not null,
    replay_id uuid,
    status text not null,
    attempt_count integer not null default 0,
    next_attempt_at timestamptz,
    created_at timestamptz not null,
    finished_at timestamptz,
    primary key (app_id, id)
  ) partition by range (id)`,
  `create index deliveries_log on deliveries (app_id, webhook_id, id)`,
  // Nearly all succeed; the others are what people look for.
  `create index deliveries_unsettled on deliveries (app_id, webhook_id, status, id) where status <> 'succeeded'`,
  // What became of an event, and whether a replay has to send it to a webhook.
  `create index deliveries_event on deliveries (app_id, event_id, webhook_id)`,
  // Of a running replay only: it holds hundreds.
  `create index deliveries_replayed on deliveries (app_id, replay_id, id)
    where replay_id is not null and status = 'pending'`,
  `create table attempts (
    app_id uuid not null,
    delivery_id uuid not null,
    number integer not null,
    id uuid not null,
    started_at timestamptz not null,
    duration_ms integer not null,
    response_status integer,
    error text,
    response_body text,
    primary key (app_id, delivery_id, number)
  ) partition by range (delivery_id)`,
  // What devices reported, once for each subscriber and notification.
  `create table receipts (
    app_id uuid not null,
    notification_id uuid not null,
    subscriber_id uuid not null,
    delivered_at timestamptz,
    clicked_at timestamptz,
    primary key (app_id, notification_id, subscriber_id)
  ) partition by range (notification_id)`,
]
