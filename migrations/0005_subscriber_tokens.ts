import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'

/**
 * Tokens in one spelling: until here an endpoint was stored as it was given. Where several spellings of one token are
 * in an app, one subscriber stays: not an inactive one if there is another, and then the one that changed last.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (let after: Row | undefined; ; ) {
    const page = await readOdd(db, after)
    if (page.length === 0) break
    await respell(db, page.map(canonical))
    after = page.at(-1)
  }
  // Grows when the token moves to another user, modulo 16: tracking/tracking-token.ts.
  await sql`alter table subscribers add column user_epoch smallint not null default 0`.execute(db)
  await sql`create index subscribers_tags on subscribers using gin (tags)`.execute(db)
  // A platform that an app hardly has is found without a walk through all of its subscribers. The status is in it for
  // the cut of an audience, which then reads no rows.
  await sql`create index subscribers_platform on subscribers (app_id, platform, id) include (status)`.execute(
    db,
  )
}

interface Row {
  app_id: string
  id: string
  platform: string
  token: string
}

const rowsAtOnce = 1_000

/** Those whose token may be written otherwise: all that is no plain lower-case URL, and device tokens in upper case. */
async function readOdd(db: Kysely<unknown>, after: Row | undefined): Promise<Row[]> {
  const from = after ? sql`(app_id, id) > (${after.app_id}::uuid, ${after.id}::uuid)` : sql`true`
  const { rows } = await sql<Row>`
    select app_id, id, platform, token from subscribers
    where ${from} and case platform
      when 'web' then token !~ '^https://[a-z0-9.-]+(:[1-9][0-9]*)?/[A-Za-z0-9._~!$&()*+,;=:@%/?-]*$'
        or token ~ '^https://[^/]*:443/' or token ~ '/([.]|%2[eE]){1,2}([/?]|$)'
      when 'ios' then token <> lower(token)
      else false end
    order by app_id, id limit ${rowsAtOnce}`.execute(db)
  return rows
}

interface Respelled {
  app_id: string
  id: string
  token: string
  hash: string
}

function canonical({ app_id, id, platform, token: given }: Row): Respelled {
  const url = platform === 'web' ? URL.parse(given) : null
  if (url) url.hash = ''
  const token = url?.href ?? given
  const hashed = platform === 'ios' ? token.toLowerCase() : token
  return { app_id, id, token, hash: createHash('sha256').update(`${platform}:${hashed}`).digest('hex') }
}

async function respell(db: Kysely<unknown>, rows: Respelled[]): Promise<void> {
  const given = sql`(
    select app_id, id, token, decode(hash, 'hex') as hash
    from json_to_recordset(${JSON.stringify(rows)}::text::json) as row (app_id uuid, id uuid, token text, hash text)
  )`
  await sql`
    with given as ${given}, same as (
      select s.app_id, s.id, status, updated_at, hash from given join subscribers s using (app_id, id)
      union
      select s.app_id, s.id, status, updated_at, hash
      from given join subscribers s on s.app_id = given.app_id and s.token_hash = given.hash
    ), ranked as (
      select app_id, id, row_number() over (
        partition by app_id, hash order by status = 'inactive', updated_at desc, id desc) as place
      from same
    )
    delete from subscribers where (app_id, id) in (select app_id, id from ranked where place > 1)`.execute(db)
  await sql`
    update subscribers s set token = given.token, token_hash = given.hash
    from ${given} as given where s.app_id = given.app_id and s.id = given.id`.execute(db)
}
