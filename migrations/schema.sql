-- The tables as the migrations leave them. Made by `npm run schema`; not to be edited.

CREATE OR REPLACE FUNCTION public.count_deleted_subscribers()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  declare
    changed record;
  begin
    for changed in
      select app_id, sum(change) as change from (select app_id, -1 as change from old_rows where status = 'active' and exists (select from apps where id = app_id)) as row group by app_id having sum(change) <> 0
    loop
      update subscriber_counts set count = count + changed.change
      where (app_id, part) = (
        select app_id, part from subscriber_counts where app_id = changed.app_id limit 1 for update skip locked);
      if not found then
        insert into subscriber_counts (app_id, part, count)
        values (changed.app_id, gen_random_uuid(), changed.change);
      end if;
    end loop;
    return null;
  end $function$;

CREATE OR REPLACE FUNCTION public.count_inserted_subscribers()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  declare
    changed record;
  begin
    for changed in
      select app_id, sum(change) as change from (select app_id, 1 as change from new_rows where status = 'active') as row group by app_id having sum(change) <> 0
    loop
      update subscriber_counts set count = count + changed.change
      where (app_id, part) = (
        select app_id, part from subscriber_counts where app_id = changed.app_id limit 1 for update skip locked);
      if not found then
        insert into subscriber_counts (app_id, part, count)
        values (changed.app_id, gen_random_uuid(), changed.change);
      end if;
    end loop;
    return null;
  end $function$;

CREATE OR REPLACE FUNCTION public.count_updated_subscribers()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  declare
    changed record;
  begin
    for changed in
      select app_id, sum(change) as change from (select app_id, 1 as change from new_rows where status = 'active' union all select app_id, -1 as change from old_rows where status = 'active') as row group by app_id having sum(change) <> 0
    loop
      update subscriber_counts set count = count + changed.change
      where (app_id, part) = (
        select app_id, part from subscriber_counts where app_id = changed.app_id limit 1 for update skip locked);
      if not found then
        insert into subscriber_counts (app_id, part, count)
        values (changed.app_id, gen_random_uuid(), changed.change);
      end if;
    end loop;
    return null;
  end $function$;

CREATE OR REPLACE FUNCTION public.delete_rows_of_apps()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  declare
    app record;
  begin
    for app in select id from old_rows loop
      delete from notifications where app_id = app.id;
      delete from subscribers where app_id = app.id;
    end loop;
    return null;
  end $function$;

CREATE OR REPLACE FUNCTION public.forget_subscriber_counts()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  begin
    delete from subscriber_counts where app_id in (select id from old_rows);
    return null;
  end $function$;

CREATE TABLE api_keys (
  id uuid NOT NULL,
  team_id uuid NOT NULL,
  name text NOT NULL,
  key_hash bytea NOT NULL,
  key_prefix text NOT NULL,
  scopes text[] NOT NULL,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
  CONSTRAINT api_keys_pkey PRIMARY KEY (id),
  CONSTRAINT api_keys_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);

CREATE TABLE apps (
  id uuid NOT NULL,
  team_id uuid NOT NULL,
  name text NOT NULL,
  vapid_public_key text NOT NULL,
  vapid_private_key bytea NOT NULL,
  settings json NOT NULL,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  vapid_pair smallint NOT NULL DEFAULT 0,
  publishable_key text NOT NULL DEFAULT ('pk_live_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)),
  public_registration json,
  identity_secret bytea,
  previous_identity_secret bytea,
  previous_identity_secret_expires_at timestamp with time zone,
  CONSTRAINT apps_pkey PRIMARY KEY (id),
  CONSTRAINT apps_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX apps_publishable_key ON public.apps USING btree (publishable_key);
CREATE INDEX apps_team ON public.apps USING btree (team_id, id);
CREATE TRIGGER delete_rows AFTER DELETE ON public.apps REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION delete_rows_of_apps();
CREATE TRIGGER forget_counts AFTER DELETE ON public.apps REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION forget_subscriber_counts();

CREATE TABLE attempts (
  app_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  number integer NOT NULL,
  id uuid NOT NULL,
  started_at timestamp with time zone NOT NULL,
  duration_ms integer NOT NULL,
  response_status integer,
  error text,
  response_body text,
  reason text,
  CONSTRAINT attempts_pkey PRIMARY KEY (app_id, delivery_id, number)
) PARTITION BY RANGE (delivery_id);

CREATE TABLE deliveries (
  app_id uuid NOT NULL,
  id uuid NOT NULL,
  event_id uuid NOT NULL,
  event_type text NOT NULL,
  webhook_id uuid NOT NULL,
  webhook_generation integer NOT NULL,
  replay_id uuid,
  status text NOT NULL,
  attempt_count integer NOT NULL DEFAULT 0,
  next_attempt_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL,
  finished_at timestamp with time zone,
  order_key text,
  CONSTRAINT deliveries_pkey PRIMARY KEY (app_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX deliveries_due ON ONLY public.deliveries USING btree (app_id, webhook_id, next_attempt_at, id) WHERE (status = 'pending'::text);
CREATE INDEX deliveries_event ON ONLY public.deliveries USING btree (app_id, event_id, webhook_id);
CREATE INDEX deliveries_log ON ONLY public.deliveries USING btree (app_id, webhook_id, id);
CREATE INDEX deliveries_replayed ON ONLY public.deliveries USING btree (app_id, replay_id, id) WHERE ((replay_id IS NOT NULL) AND (status = 'pending'::text));
CREATE INDEX deliveries_unsettled ON ONLY public.deliveries USING btree (app_id, webhook_id, status, id) WHERE (status <> 'succeeded'::text);

CREATE TABLE event_streams (
  app_id uuid NOT NULL,
  id uuid NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT event_streams_pkey PRIMARY KEY (app_id, id),
  CONSTRAINT event_streams_app_id_fkey FOREIGN KEY (app_id) REFERENCES apps(id) ON DELETE CASCADE
);

CREATE TABLE events (
  app_id uuid NOT NULL,
  id uuid NOT NULL,
  type text NOT NULL,
  body text NOT NULL,
  occurred_at timestamp with time zone NOT NULL,
  CONSTRAINT events_pkey PRIMARY KEY (app_id, id)
) PARTITION BY RANGE (id);

CREATE TABLE idempotency_keys (
  app_id uuid NOT NULL,
  key text NOT NULL,
  request_hash bytea NOT NULL,
  response json,
  created_at timestamp with time zone NOT NULL,
  status integer,
  answer bytea,
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (app_id, key)
);
CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);

CREATE TABLE install (
  id boolean NOT NULL DEFAULT true,
  key_check bytea NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT install_id_check CHECK (id),
  CONSTRAINT install_pkey PRIMARY KEY (id)
);

CREATE TABLE lane_leases (
  bucket smallint NOT NULL,
  owner uuid,
  expires_at timestamp with time zone,
  CONSTRAINT lane_leases_pkey PRIMARY KEY (bucket)
);

CREATE TABLE notification_batches (
  app_id uuid NOT NULL,
  notification_id uuid NOT NULL,
  number integer NOT NULL,
  first_subscriber_id uuid NOT NULL,
  last_subscriber_id uuid NOT NULL,
  attempt integer NOT NULL,
  sent_count integer NOT NULL DEFAULT 0,
  failed_count integer NOT NULL DEFAULT 0,
  completed_at timestamp with time zone,
  subscriber_count integer,
  due_at timestamp with time zone NOT NULL DEFAULT now(),
  rank smallint NOT NULL DEFAULT 4,
  subscriber_ids uuid[],
  CONSTRAINT notification_batches_pkey PRIMARY KEY (app_id, notification_id, number),
  CONSTRAINT notification_batches_app_id_notification_id_fkey FOREIGN KEY (app_id, notification_id) REFERENCES notifications(app_id, id) ON DELETE CASCADE
);
CREATE INDEX notification_batches_due ON public.notification_batches USING btree (app_id, rank, due_at, notification_id, number) WHERE (completed_at IS NULL);

CREATE TABLE notifications (
  app_id uuid NOT NULL,
  id uuid NOT NULL,
  title text NOT NULL,
  content json NOT NULL,
  targeting json,
  status text NOT NULL,
  failure_reason text,
  total_count integer NOT NULL DEFAULT 0,
  total_batches integer NOT NULL DEFAULT 0,
  completed_batches integer NOT NULL DEFAULT 0,
  sent_count integer NOT NULL DEFAULT 0,
  failed_count integer NOT NULL DEFAULT 0,
  delivered_count integer NOT NULL DEFAULT 0,
  clicked_count integer NOT NULL DEFAULT 0,
  scheduled_at timestamp with time zone,
  sent_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  skipped_count integer NOT NULL DEFAULT 0,
  due_at timestamp with time zone,
  rank smallint NOT NULL DEFAULT 4,
  CONSTRAINT notifications_pkey PRIMARY KEY (app_id, id)
);
CREATE INDEX notifications_due ON public.notifications USING btree (app_id, rank, due_at, id) WHERE (due_at IS NOT NULL);
CREATE INDEX notifications_open ON public.notifications USING btree (app_id, created_at) WHERE (status = 'sending'::text);

CREATE UNLOGGED TABLE rate_limits (
  key character varying(255) NOT NULL,
  points integer NOT NULL DEFAULT 0,
  expire bigint,
  CONSTRAINT rate_limits_pkey PRIMARY KEY (key)
);

CREATE TABLE receipts (
  app_id uuid NOT NULL,
  notification_id uuid NOT NULL,
  subscriber_id uuid NOT NULL,
  delivered_at timestamp with time zone,
  clicked_at timestamp with time zone,
  CONSTRAINT receipts_pkey PRIMARY KEY (app_id, notification_id, subscriber_id)
) PARTITION BY RANGE (notification_id);

CREATE TABLE replays (
  app_id uuid NOT NULL,
  id uuid NOT NULL,
  webhook_id uuid NOT NULL,
  webhook_generation integer NOT NULL,
  since timestamp with time zone NOT NULL,
  until timestamp with time zone NOT NULL,
  events text[] NOT NULL,
  selection text NOT NULL,
  status text NOT NULL,
  last_event_id uuid,
  event_count integer NOT NULL DEFAULT 0,
  created_at timestamp with time zone NOT NULL,
  finished_at timestamp with time zone,
  CONSTRAINT replays_pkey PRIMARY KEY (app_id, id),
  CONSTRAINT replays_app_id_webhook_id_fkey FOREIGN KEY (app_id, webhook_id) REFERENCES webhooks(app_id, id) ON DELETE CASCADE
);

CREATE TABLE subscriber_counts (
  app_id uuid NOT NULL,
  part uuid NOT NULL,
  count bigint NOT NULL,
  CONSTRAINT subscriber_counts_pkey PRIMARY KEY (app_id, part)
) WITH (fillfactor=50);

CREATE TABLE subscribers (
  app_id uuid NOT NULL,
  id uuid NOT NULL,
  platform text NOT NULL,
  token text NOT NULL,
  token_hash bytea NOT NULL,
  p256dh bytea,
  auth bytea,
  user_id text,
  tags text[] NOT NULL,
  metadata json NOT NULL,
  status text NOT NULL,
  last_seen_at timestamp with time zone NOT NULL,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  user_epoch smallint NOT NULL DEFAULT 0,
  vapid_pair smallint NOT NULL DEFAULT 0,
  inactive_reason text,
  key_refusals smallint NOT NULL DEFAULT 0,
  key_refused_at timestamp with time zone,
  CONSTRAINT subscribers_app_id_token_hash_key UNIQUE (app_id, token_hash),
  CONSTRAINT subscribers_pkey PRIMARY KEY (app_id, id)
);
CREATE INDEX subscribers_audience ON public.subscribers USING btree (app_id, status, id);
CREATE INDEX subscribers_last_seen ON public.subscribers USING btree (status, last_seen_at);
CREATE INDEX subscribers_platform ON public.subscribers USING btree (app_id, platform, id) INCLUDE (status);
CREATE INDEX subscribers_tags ON public.subscribers USING gin (tags) WHERE (tags <> '{}'::text[]);
CREATE INDEX subscribers_user ON public.subscribers USING btree (app_id, user_id) WHERE (user_id IS NOT NULL);
CREATE TRIGGER count_deleted AFTER DELETE ON public.subscribers REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_subscribers();
CREATE TRIGGER count_inserted AFTER INSERT ON public.subscribers REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_inserted_subscribers();
CREATE TRIGGER count_updated AFTER UPDATE ON public.subscribers REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_updated_subscribers();

CREATE TABLE teams (
  id uuid NOT NULL,
  name text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT teams_pkey PRIMARY KEY (id)
);

CREATE TABLE upkeep_runs (
  task text NOT NULL,
  succeeded_at timestamp with time zone NOT NULL,
  CONSTRAINT upkeep_runs_pkey PRIMARY KEY (task)
);

CREATE TABLE vapid_pairs (
  app_id uuid NOT NULL,
  number smallint NOT NULL,
  public_key text NOT NULL,
  private_key bytea NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT vapid_pairs_app_id_public_key_key UNIQUE (app_id, public_key),
  CONSTRAINT vapid_pairs_pkey PRIMARY KEY (app_id, number),
  CONSTRAINT vapid_pairs_app_id_fkey FOREIGN KEY (app_id) REFERENCES apps(id) ON DELETE CASCADE
);

CREATE UNLOGGED TABLE webhook_rates (
  webhook_id uuid NOT NULL,
  next_free_at timestamp with time zone NOT NULL,
  CONSTRAINT webhook_rates_pkey PRIMARY KEY (webhook_id)
) WITH (fillfactor=50);

CREATE TABLE webhooks (
  app_id uuid NOT NULL,
  id uuid NOT NULL,
  url text NOT NULL,
  secret bytea,
  previous_secret bytea,
  previous_secret_expires_at timestamp with time zone,
  signature text NOT NULL DEFAULT 'hmac'::text,
  signing_key bytea,
  public_key text,
  events text[] NOT NULL,
  filter json,
  header_names text[] NOT NULL DEFAULT '{}'::text[],
  header_values bytea,
  description text,
  retry_schedule integer[],
  rate_limit integer,
  max_in_flight integer,
  batch json,
  auto_recover boolean NOT NULL DEFAULT false,
  enabled boolean NOT NULL,
  generation integer NOT NULL DEFAULT 0,
  failure_count integer NOT NULL DEFAULT 0,
  failing_since timestamp with time zone,
  disabled_at timestamp with time zone,
  disabled_reason text,
  last_triggered_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  ca_pem text,
  ordered text,
  traceparent boolean NOT NULL DEFAULT false,
  CONSTRAINT webhooks_pkey PRIMARY KEY (app_id, id),
  CONSTRAINT webhooks_app_id_fkey FOREIGN KEY (app_id) REFERENCES apps(id) ON DELETE CASCADE
);

CREATE TABLE workers (
  id uuid NOT NULL,
  seen_at timestamp with time zone NOT NULL,
  CONSTRAINT workers_pkey PRIMARY KEY (id)
);
