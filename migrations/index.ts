import type { Migration } from 'kysely/migration'
import * as initial from './0001_initial.ts'
import * as idempotencyEverywhere from './0002_idempotency_everywhere.ts'
import * as subscriberCount from './0004_subscriber_count.ts'
import * as subscriberTokens from './0005_subscriber_tokens.ts'
import * as skippedSubscribers from './0006_skipped_subscribers.ts'
import * as reasonsAndAuthorities from './0009_reasons_and_authorities.ts'
import * as vapidPairs from './0010_vapid_pairs.ts'
import * as keyRefusals from './0011_key_refusals.ts'
import * as lanes from './0020_lanes.ts'
import * as sendingLanes from './0021_sending_lanes.ts'
import * as publicRegistration from './0030_public_registration.ts'
import * as observability from './0031_observability.ts'
import * as identityOverlap from './0032_identity_overlap.ts'
import * as rowsOfApps from './0033_rows_of_apps.ts'
import * as taggedSubscribers from './0034_tagged_subscribers.ts'

/**
 * Every migration by name, in the order in which they run. Up only: a released one is never edited. The version before
 * keeps running while one is applied and after it, so a migration adds and nothing else: see CONTRIBUTING.md for the
 * name of one that does more.
 */
export const migrations: Record<string, Migration> = {
  '0001_initial': initial,
  '0002_idempotency_everywhere': idempotencyEverywhere,
  '0004_subscriber_count': subscriberCount,
  '0005_subscriber_tokens': subscriberTokens,
  '0006_skipped_subscribers': skippedSubscribers,
  '0009_reasons_and_authorities': reasonsAndAuthorities,
  '0010_vapid_pairs': vapidPairs,
  '0011_key_refusals': keyRefusals,
  '0020_lanes': lanes,
  '0021_sending_lanes': sendingLanes,
  '0030_public_registration': publicRegistration,
  '0031_observability': observability,
  '0032_identity_overlap': identityOverlap,
  '0033_rows_of_apps': rowsOfApps,
  '0034_tagged_subscribers': taggedSubscribers,
}
