import { type InferResult, type Insertable, sql } from 'kysely'
import type { Database, PublicRegistration } from '../database.ts'
import type { Db } from '../platform/db/db.ts'
import { previousSecret } from '../platform/db/previous-secret.ts'
import type { VapidPair } from './vapid-pair-store.ts'

/** Public keys of the earlier pairs, the latest first. */
const formerPublicKeys = sql<string[]>`array(
  select public_key from vapid_pairs
  where app_id = apps.id and public_key <> apps.vapid_public_key order by number desc)`.as('formerPublicKeys')

const selectApps = (db: Db) =>
  db.selectFrom('apps').select((eb) => [
    'id',
    'name',
    'vapid_public_key as vapidPublicKey',
    formerPublicKeys,
    'settings',
    'publishable_key as publishableKey',
    'public_registration as publicRegistration',
    sql<boolean>`identity_secret is not null`.as('hasIdentitySecret'),
    'created_at as createdAt',
    'updated_at as updatedAt',
    // Triggers keep the counts (migrations/0004_subscriber_count.ts); no query counts subscribers.
    eb
      .selectFrom('subscriber_counts')
      .select(sql<number>`coalesce(sum(count), 0)::int`.as('count'))
      .whereRef('subscriber_counts.app_id', '=', 'apps.id')
      .$asScalar()
      .$notNull()
      .as('subscriberCount'),
  ])

export type App = InferResult<ReturnType<typeof selectApps>>[number]

/**
 * Apps of a team, oldest first: up to `limit`, plus one more if the list goes on.
 *
 * @param after returns only apps after this one
 */
export async function listApps(
  db: Db,
  teamId: string,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<App[]> {
  return selectApps(db)
    .where('team_id', '=', teamId)
    .$if(after !== undefined, (query) => query.where('id', '>', after!))
    .orderBy('id')
    .limit(limit + 1)
    .execute()
}

/** Reads the apps that exist, in any order, in one statement. */
export async function readApps(
  db: Db,
  keys: readonly { teamId: string; id: string }[],
): Promise<(App & { teamId: string })[]> {
  return selectApps(db)
    .select('team_id as teamId')
    .where(sql<boolean>`(id, team_id) in (
      select * from unnest(${sql.val(keys.map(({ id }) => id))}::uuid[], ${sql.val(keys.map(({ teamId }) => teamId))}::uuid[]))`)
    .execute()
}

export async function readApp(db: Db, teamId: string, id: string): Promise<App | undefined> {
  const [app] = await readApps(db, [{ teamId, id }])
  return app
}

/** The parts of an app that every request needs first. */
export type KnownApp = NonNullable<Awaited<ReturnType<typeof findApp>>>

export async function findApp(db: Db, id: string) {
  return db
    .selectFrom('apps')
    .select([
      'id',
      'team_id as teamId',
      'settings',
      'vapid_pair as vapidPair',
      'vapid_public_key as vapidPublicKey',
      'public_registration as publicRegistration',
      'identity_secret as identitySecret',
      'previous_identity_secret as previousIdentitySecret',
      'previous_identity_secret_expires_at as previousIdentitySecretExpiresAt',
    ])
    .where('id', '=', id)
    .executeTakeFirst()
}

/** The app with this publishable key. An app's key never changes. */
export async function findIdByPublishableKey(db: Db, key: string): Promise<string | undefined> {
  const app = await db.selectFrom('apps').select('id').where('publishable_key', '=', key).executeTakeFirst()
  return app?.id
}

export async function insertApp(db: Db, app: Insertable<Database['apps']>): Promise<void> {
  await db.insertInto('apps').values(app).execute()
}

/** Only the given fields change. */
export interface AppChange {
  name?: string
  settings?: Record<string, unknown>
  publicRegistration?: PublicRegistration | null
  vapidPair?: VapidPair
}

export async function updateApp(db: Db, id: string, change: AppChange, now: Date): Promise<void> {
  const { name, settings, publicRegistration, vapidPair } = change
  await db
    .updateTable('apps')
    .set({
      updated_at: now,
      name,
      settings: settings && JSON.stringify(settings),
      public_registration: publicRegistration && JSON.stringify(publicRegistration),
      vapid_pair: vapidPair?.number,
      vapid_public_key: vapidPair?.publicKey,
      vapid_private_key: vapidPair?.privateKey,
    })
    .where('id', '=', id)
    .execute()
}

/**
 * Replaces an identity secret. Signatures by the previous secret are accepted for `overlapSeconds`.
 *
 * @param secret encrypted at rest
 * @returns until when those signatures are accepted, null without a previous secret or an overlap; undefined when the
 *   app is gone
 */
export async function replaceIdentitySecret(
  db: Db,
  id: string,
  secret: Uint8Array,
  overlapSeconds: number,
  now: Date,
): Promise<{ previousUntil: Date | null } | undefined> {
  const previous = previousSecret('identity_secret', overlapSeconds, now)
  return db
    .updateTable('apps')
    .set({
      identity_secret: secret,
      previous_identity_secret: previous.secret,
      previous_identity_secret_expires_at: previous.expiresAt,
      updated_at: now,
    })
    .where('id', '=', id)
    .returning('previous_identity_secret_expires_at as previousUntil')
    .executeTakeFirst()
}
