import type { ColumnType, Generated } from 'kysely'
import type { MessageContent, Platform } from './message-content.ts'

/** Text holding JSON: written as a string, read as the parsed value. Key order is kept (`json`, not `jsonb`). */
type Json<T> = ColumnType<T, string, string>
type NullableJson<T> = ColumnType<T | null, string | null, string | null>

export type { MessageContent as NotificationContent, Platform } from './message-content.ts'

export type SubscriberStatus = 'active' | 'inactive' | 'unsubscribed'
/** `gone`: the provider says so; `unseen`: not heard of for 90 days; `key_mismatch`: it subscribed with another key. */
export type InactiveReason = 'gone' | 'unseen' | 'key_mismatch'
export type NotificationStatus = 'draft' | 'scheduled' | 'sending' | 'sent' | 'failed'
/** `hmac`: Standard Webhooks `v1`; `ed25519`: `v1a` besides. */
export type SignatureScheme = 'hmac' | 'ed25519'
export type ReplayStatus = 'running' | 'completed' | 'canceled'
export interface BatchSettings {
  max_events: number
  max_wait_ms: number
  /** Of a request's body; absent where it was set before there was such a bound. */
  max_bytes?: number
}
export interface PublicRegistration {
  origins: string[]
  require_identity: boolean
}
export type DeliveryStatus = 'pending' | 'succeeded' | 'failed' | 'canceled'

/**
 * The tables, as migrations/ makes them. Each is read and written by one `*-store.ts` only. Every row that
 * belongs to an app carries `app_id`, in its key and in every query (that is what Citus distributes by).
 */
export interface Database {
  /** One row per install: proves that the encryption key is the one the data was written with. */
  install: { id: Generated<boolean>; key_check: Uint8Array; created_at: Date }
  teams: { id: string; name: string; created_at: Date }
  api_keys: {
    id: string
    team_id: string
    name: string
    /** SHA-256 of the whole key; the key itself is never stored. */
    key_hash: Uint8Array
    key_prefix: string
    scopes: string[]
    expires_at: Date | null
    revoked_at: Date | null
    last_used_at: Date | null
    created_at: Date
  }
  apps: {
    id: string
    team_id: string
    name: string
    /** Uncompressed P-256 point, base64url. */
    vapid_public_key: string
    /** 32-byte scalar, encrypted at rest. */
    vapid_private_key: Uint8Array
    /** The number of this, the current pair, in `vapid_pairs`. */
    vapid_pair: Generated<number>
    settings: Json<Record<string, unknown>>
    /** `pk_live_` and 32 hex digits, made by the database. Not a secret: pages show it. */
    publishable_key: Generated<string>
    /** Who may register with the publishable key; null: nobody. */
    public_registration: NullableJson<PublicRegistration>
    /** With which the app's backend signs who a user is; encrypted at rest. */
    identity_secret: Uint8Array | null
    /** Its signatures are accepted until it expires, too. */
    previous_identity_secret: Uint8Array | null
    previous_identity_secret_expires_at: Date | null
    created_at: Date
    updated_at: Date
  }
  /** Key pairs of an app by number, from 0. The current one is in `apps`, and here too once it was replaced. */
  vapid_pairs: {
    app_id: string
    number: number
    public_key: string
    /** Encrypted at rest, as in `apps`. */
    private_key: Uint8Array
    created_at: Date
  }
  subscribers: {
    app_id: string
    id: string
    platform: Platform
    token: string
    /** SHA-256 of platform and token: tokens are too long for an index of their own. */
    token_hash: Uint8Array
    /** Web only: the uncompressed P-256 point (65 bytes) and the auth secret (16 bytes), RFC 8291 §3. */
    p256dh: Uint8Array | null
    auth: Uint8Array | null
    /** Web only: the number of the app's key pair that the subscription was made with. */
    vapid_pair: Generated<number>
    user_id: string | null
    tags: string[]
    metadata: Json<Record<string, unknown>>
    status: SubscriberStatus
    /** Why it turned inactive last; means nothing while it is active. */
    inactive_reason: InactiveReason | null
    /** Pushes in a row that were refused because it subscribed with another key, and when the last one was. */
    key_refusals: Generated<number>
    key_refused_at: Date | null
    /** Grows, modulo 16, with each user that the token leaves: tracking/tracking-token.ts. */
    user_epoch: Generated<number>
    last_seen_at: Date
    created_at: Date
    updated_at: Date
  }
  /** Active subscribers: an app's count is the sum of its parts. Written by triggers alone. */
  subscriber_counts: { app_id: string; part: string; count: string }
  notifications: {
    app_id: string
    id: string
    title: string
    /** All of the body but title, targeting and status. */
    content: Json<MessageContent>
    targeting: NullableJson<unknown>
    status: NotificationStatus
    failure_reason: string | null
    total_count: Generated<number>
    total_batches: Generated<number>
    completed_batches: Generated<number>
    sent_count: Generated<number>
    failed_count: Generated<number>
    skipped_count: Generated<number>
    delivered_count: Generated<number>
    clicked_count: Generated<number>
    /** When its audience is to be resolved; null: it has been, or is not to be. */
    due_at: Date | null
    /** Its place in its app's lane. */
    rank: Generated<number>
    scheduled_at: Date | null
    sent_at: Date | null
    created_at: Date
    updated_at: Date
  }
  /**
   * A part of one notification's audience: a key range, or on a later `attempt` those in it that are to be retried.
   * Counted once, by the transaction that sets `completed_at`.
   */
  notification_batches: {
    app_id: string
    notification_id: string
    number: number
    first_subscriber_id: string
    last_subscriber_id: string
    /** How many were in it when it was cut; null: by a version that did not say. */
    subscriber_count: number | null
    attempt: number
    sent_count: Generated<number>
    failed_count: Generated<number>
    due_at: Generated<Date>
    rank: Generated<number>
    /** Those to be tried again; null: the whole key range. */
    subscriber_ids: string[] | null
    completed_at: Date | null
  }
  idempotency_keys: {
    /** The team's id for requests that create an app. */
    app_id: string
    key: string
    request_hash: Uint8Array
    /** The first answer's HTTP status, and its `data` as JSON, encrypted at rest; null only within its transaction. */
    status: number | null
    answer: Uint8Array | null
    created_at: Date
  }
  webhooks: {
    app_id: string
    id: string
    url: string
    /** UTF-8 secret, encrypted at rest; null: deliveries are not signed. */
    secret: Uint8Array | null
    /** The secret before the last rotation, encrypted at rest; signs too until it expires. */
    previous_secret: Uint8Array | null
    previous_secret_expires_at: Date | null
    signature: Generated<SignatureScheme>
    /** Ed25519: the 32-byte seed, encrypted at rest, and `whpk_` + base64 of the public key. */
    signing_key: Uint8Array | null
    public_key: string | null
    events: string[]
    filter: NullableJson<unknown>
    header_names: Generated<string[]>
    /** JSON object of names and values, encrypted at rest; null: none. */
    header_values: Uint8Array | null
    description: string | null
    /** Seconds between attempts; null: the install's. */
    retry_schedule: number[] | null
    /** Deliveries per second; null: no limit. */
    rate_limit: number | null
    max_in_flight: number | null
    batch: NullableJson<BatchSettings>
    auto_recover: Generated<boolean>
    /** Whether its deliveries carry a `traceparent` header. */
    traceparent: Generated<boolean>
    /** The certificates trusted for its deliveries, PEM; null: the public authorities. */
    ca_pem: string | null
    /** Null: deliveries go out as they come. */
    ordered: 'all' | 'subscriber_id' | null
    enabled: boolean
    /** Grows with every disabling, so that deliveries made before it are told from those made after. */
    generation: Generated<number>
    failure_count: Generated<number>
    failing_since: Date | null
    disabled_at: Date | null
    disabled_reason: string | null
    /** When an attempt last started, to the second. */
    last_triggered_at: Date | null
    created_at: Date
    updated_at: Date
  }
  webhook_rates: { webhook_id: string; next_free_at: Date }
  replays: {
    app_id: string
    id: string
    webhook_id: string
    /** The webhook's when it was asked for: a later one means that it was disabled since. */
    webhook_generation: number
    since: Date
    until: Date
    events: string[]
    selection: 'failed' | 'all'
    status: ReplayStatus
    /** How far it has come. */
    last_event_id: string | null
    /** Deliveries made so far. */
    event_count: Generated<number>
    created_at: Date
    finished_at: Date | null
  }
  /** When each scheduled job last succeeded, in any process. */
  upkeep_runs: { task: string; succeeded_at: Date }
  workers: { id: string; seen_at: Date }
  /** Which process owns the lanes of a bucket, and until when. */
  lane_leases: { bucket: number; owner: string | null; expires_at: Date | null }
  event_streams: { app_id: string; id: string; expires_at: Date }
  events: { app_id: string; id: string; type: string; body: string; occurred_at: Date }
  deliveries: {
    app_id: string
    id: string
    event_id: string
    event_type: string
    webhook_id: string
    webhook_generation: number
    replay_id: string | null
    /** The subscriber that the event is about, by which a webhook may want its deliveries in order. */
    order_key: string | null
    status: DeliveryStatus
    attempt_count: Generated<number>
    next_attempt_at: Date | null
    created_at: Date
    finished_at: Date | null
  }
  attempts: {
    app_id: string
    delivery_id: string
    number: number
    /** The attempt's `x-krafter-webhook-id`. */
    id: string
    started_at: Date
    duration_ms: number
    /** HTTP status, or null when no answer came. */
    response_status: number | null
    /** What went wrong in one word, null on success. */
    error: string | null
    /** Why no answer came, in words. */
    reason: string | null
    /** The first 1 KiB of the answer. */
    response_body: string | null
  }
  receipts: {
    app_id: string
    notification_id: string
    subscriber_id: string
    delivered_at: Date | null
    clicked_at: Date | null
  }
}
