import { sql } from 'kysely'
import { type Db, pipelined, type Trx } from '../platform/db/db.ts'
import { anyOf } from '../platform/db/is-one-of.ts'

/** The most key pairs that an app may have, including the current one. */
export const maxVapidPairs = 20

/** A key pair as it is stored: the point in base64url, the scalar encrypted at rest. */
export interface StoredVapidPair {
  publicKey: string
  privateKey: Uint8Array
}

export interface VapidPair extends StoredVapidPair {
  /** Its place among the pairs of its app. Subscriptions name it. */
  number: number
}

/** @returns the pair numbers by public key, without keys that are not the app's */
export async function findVapidPairs(
  db: Db,
  appId: string,
  publicKeys: readonly string[],
): Promise<Map<string, number>> {
  if (publicKeys.length === 0) return new Map()
  const keys = sql.val(publicKeys)
  const { rows } = await sql<{ key: string; number: number }>`
    select vapid_public_key as key, vapid_pair as number from apps
    where id = ${appId}::uuid and vapid_public_key = any(${keys}::text[])
    union
    select public_key, number from vapid_pairs
    where app_id = ${appId}::uuid and public_key = any(${keys}::text[])`.execute(db)
  return new Map(rows.map(({ key, number }) => [key, number]))
}

/** Reads the settings of apps and all of their key pairs, by number. */
export async function readSendingApps(db: Db, appIds: readonly string[]) {
  const [apps, former] = await pipelined([
    db
      .selectFrom('apps')
      .select([
        'id',
        'settings',
        'vapid_pair as number',
        'vapid_public_key as publicKey',
        'vapid_private_key as privateKey',
      ])
      .where(sql<boolean>`id = ${anyOf(appIds)}`)
      .execute(),
    db
      .selectFrom('vapid_pairs')
      .select(['app_id as appId', 'number', 'public_key as publicKey', 'private_key as privateKey'])
      .where(sql<boolean>`app_id = ${anyOf(appIds)}`)
      .execute(),
  ])
  const formerOf = Map.groupBy(former, ({ appId }) => appId)
  return apps.map(({ id, settings, ...current }) => ({
    id,
    settings,
    pairs: new Map([...(formerOf.get(id) ?? []), current].map(({ number, ...pair }) => [number, pair])),
  }))
}

/**
 * Stores a pair that is to become the app's current one. The pair that it replaces stays for the subscriptions that were
 * made with it. A pair that the app had before keeps its number.
 *
 * @param appId an app that the transaction has locked
 * @returns the pair's number; undefined when the app already has {@link maxVapidPairs} others
 */
export async function storeVapidPair(
  trx: Trx,
  appId: string,
  pair: StoredVapidPair,
  now: Date,
): Promise<number | undefined> {
  await trx
    .insertInto('vapid_pairs')
    .columns(['app_id', 'number', 'public_key', 'private_key', 'created_at'])
    .expression((eb) =>
      eb
        .selectFrom('apps')
        .select([
          'id',
          'vapid_pair',
          'vapid_public_key',
          'vapid_private_key',
          sql<Date>`${now}::timestamptz`.as('now'),
        ])
        .where('id', '=', appId),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const pairs = await trx
    .selectFrom('vapid_pairs')
    .select(['number', 'public_key as publicKey'])
    .where('app_id', '=', appId)
    .execute()
  const known = pairs.find(({ publicKey }) => publicKey === pair.publicKey)
  if (known) return known.number
  if (pairs.length >= maxVapidPairs) return undefined
  const number = Math.max(...pairs.map((one) => one.number)) + 1
  await trx
    .insertInto('vapid_pairs')
    .values({
      app_id: appId,
      number,
      public_key: pair.publicKey,
      private_key: pair.privateKey,
      created_at: now,
    })
    .execute()
  return number
}
