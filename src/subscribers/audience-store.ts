import { type RawBuilder, sql } from 'kysely'
import type { Platform } from '../database.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'
import type { Targetable } from './targeting.ts'

/** The fields of a subscriber that channels and events need. */
export interface AudienceMember {
  id: string
  userId: string | null
  platform: Platform
  token: string
  p256dh: Uint8Array | null
  auth: Uint8Array | null
  /** The number of the app's key pair that the subscription was made with. */
  vapidPair: number
  /** Consecutive pushes that were refused because of their key. */
  keyRefusals: number
  userEpoch: number
}

const columns = sql`id, user_id as "userId", platform, token, p256dh, auth, vapid_pair as "vapidPair",
  key_refusals as "keyRefusals", user_epoch as "userEpoch"`

/**
 * One page of an audience: the active subscribers in a key range that still match the targeting. Subscribers that left
 * since the range was cut are not included.
 *
 * @param range first and last id, both inclusive
 */
export async function readAudiencePage(
  db: Db,
  appId: string,
  range: { first: string; last: string },
  condition: RawBuilder<boolean>,
): Promise<AudienceMember[]> {
  const { rows } = await sql<AudienceMember>`
    select ${columns} from subscribers
    where app_id = ${appId}::uuid and status = 'active' and id between ${range.first}::uuid and ${range.last}::uuid
      and ${condition}
    order by id`.execute(db)
  return rows
}

/** Who receives a page: users, or subscribers by their ids if they are still in the audience. */
export interface Named {
  appId: string
  userIds?: readonly string[]
  subscriberIds?: readonly string[]
  isStillIn?(subscriber: Targetable): boolean
}

/**
 * The active subscribers of several small audiences, in one statement. Each name gets its own look-up: given a list of
 * names, the planner reads the app's whole audience while its statistics are young.
 *
 * @param most members per audience; one more is returned if there are more
 * @returns the members of each audience, ordered by id
 */
export async function readNamedMembers(
  db: Db,
  audiences: readonly Named[],
  most: number,
): Promise<AudienceMember[][]> {
  if (audiences.length === 0) return []
  const rows = audiences.map(({ appId, userIds, subscriberIds }, place) => ({
    place,
    app_id: appId,
    user_ids: [...new Set(userIds)],
    ids: [...new Set(subscriberIds)],
  }))
  const found = await sql<AudienceMember & { place: number; tags: string[] }>`
    select audience.place, member.* from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as audience (place int, app_id uuid, user_ids json, ids json)
    cross join lateral (
      select member.* from json_array_elements_text(audience.user_ids) as named (user_id) cross join lateral (
        select ${columns}, '{}'::text[] as tags from subscribers
        where app_id = audience.app_id and user_id = named.user_id and status = 'active' limit ${most + 1}) member
      union all
      select member.* from json_array_elements_text(audience.ids) as named (id) cross join lateral (
        select ${columns}, tags from subscribers
        where app_id = audience.app_id and id = named.id::uuid and status = 'active' limit 1) member
      limit ${most + 1}
    ) member
    order by audience.place, member.id`.execute(db)
  const byPlace = Map.groupBy(found.rows, ({ place }) => place)
  return audiences.map(({ isStillIn = () => true }, place) => (byPlace.get(place) ?? []).filter(isStillIn))
}

/** The subscriber fields in events besides the id, and the user epoch that a report must match to count. */
export interface KnownSubscriber {
  userId: string | null
  platform: Platform
  userEpoch: number
}

/** @returns the existing subscribers by id */
export async function readSubscribers(
  trx: Trx,
  keys: readonly { appId: string; subscriberId: string }[],
): Promise<Map<string, KnownSubscriber>> {
  const ids = keys.map(({ appId, subscriberId }) => ({ appId, id: subscriberId }))
  const { rows } = await sql<{ id: string } & KnownSubscriber>`
    select id, user_id as "userId", platform, user_epoch as "userEpoch" from subscribers
    where ${isOneOf('subscribers', ids)}`.execute(trx)
  return new Map(rows.map(({ id, ...known }) => [id, known]))
}
