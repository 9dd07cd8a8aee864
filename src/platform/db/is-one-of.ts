import { type RawBuilder, sql } from 'kysely'

/**
 * Picks rows by key with arrays that the index takes as they are. A join with the keys alone is planned as one over the
 * whole table while its statistics are young: 5.3 ms instead of 0.3 ms for 64 of 10,000 deliveries, and growing.
 * Ids are unique across apps (UUIDv7), so that the two arrays pick no row that is not meant.
 *
 * @param table its name or alias in the statement
 * @param column what the ids are compared with
 */
export function isOneOf(
  table: string,
  keys: readonly { appId: string; id: string }[],
  column = 'id',
): RawBuilder<boolean> {
  const appIds = [...new Set(keys.map((key) => key.appId))]
  const ids = [...new Set(keys.map((key) => key.id))]
  const [app, id] = [sql.ref(`${table}.app_id`), sql.ref(`${table}.${column}`)]
  return sql<boolean>`(${app} = any(${sql.val(appIds)}::uuid[]) and ${id} = any(${sql.val(ids)}::uuid[]))`
}
