import { ConfigError, readConfig } from '../config/config.ts'
import { createKey, listKeys, revokeKey, type Scope, scopes } from '../keys/key-store.ts'
import { toTimestamp, toTimestampOrNull } from '../platform/clock.ts'
import { type Db, migrate } from '../platform/db.ts'
import { parseId } from '../platform/ids.ts'
import { createLogger } from '../platform/log.ts'
import { openStorage } from '../storage.ts'

interface Output {
  json?: boolean
}

/** `krafter-push keys create`: prints the key, once. */
export async function createKeyCommand(
  options: Output & { name: string; team: string; scopes: string; expires?: string },
): Promise<void> {
  const given = {
    name: options.name,
    team: options.team,
    scopes: parseScopes(options.scopes),
    expiresAt: parseMoment(options.expires),
  }
  const made = await withDatabase((db) =>
    db.transaction().execute((trx) => createKey(trx, given, new Date())),
  )
  print(options, made, `${made.key}\n(id ${made.id}; shown once, keep it)`)
}

/** `krafter-push keys list` */
export async function listKeysCommand(options: Output): Promise<void> {
  const keys = (await withDatabase(listKeys)).map((key) => ({
    id: key.id,
    key_prefix: key.keyPrefix,
    name: key.name,
    team: key.team,
    scopes: key.scopes,
    expires_at: toTimestampOrNull(key.expiresAt),
    revoked_at: toTimestampOrNull(key.revokedAt),
    last_used_at: toTimestampOrNull(key.lastUsedAt),
    created_at: toTimestamp(key.createdAt),
  }))
  const lines = keys.map((key) => {
    const state = key.revoked_at ? 'revoked' : key.expires_at ? `until ${key.expires_at}` : 'works'
    return [key.id, `${key.key_prefix}…`, key.scopes.join(','), state, `${key.team}/${key.name}`].join('  ')
  })
  print(options, keys, lines.join('\n') || 'no keys')
}

/** `krafter-push keys revoke` */
export async function revokeKeyCommand(id: string, options: Output): Promise<void> {
  const revoked = parseId(id) !== undefined && (await withDatabase((db) => revokeKey(db, id, new Date())))
  if (!revoked) throw new ConfigError(`there is no key ${id}: krafter-push keys list shows them`)
  print(options, { id, revoked: true }, `revoked ${id}`)
}

async function withDatabase<Result>(use: (db: Db) => Promise<Result>): Promise<Result> {
  const config = readConfig(process.env)
  const storage = await openStorage(config, createLogger(config.logLevel))
  try {
    await migrate(storage.db)
    return await use(storage.db)
  } finally {
    await storage.close()
  }
}

function parseScopes(value: string): Scope[] {
  const given = value.split(',').map((scope) => scope.trim())
  const unknown = given.find((scope) => !scopes.includes(scope as Scope))
  if (unknown !== undefined) throw new ConfigError(`--scopes: "${unknown}" is none of ${scopes.join(', ')}`)
  return given as Scope[]
}

function parseMoment(value: string | undefined): Date | null {
  if (value === undefined) return null
  const moment = new Date(value)
  if (Number.isNaN(moment.getTime()))
    throw new ConfigError(`--expires: "${value}" is no moment such as 2030-01-01T00:00:00Z`)
  return moment
}

function print({ json }: Output, data: unknown, text: string): void {
  console.log(json ? JSON.stringify(data) : text)
}
