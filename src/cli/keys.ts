import { createKeyCommands, type KeyCommands } from '../access/key-commands.ts'
import { type Scope, scopes } from '../access/key-store.ts'
import type { Config } from '../config/config.ts'
import { findRunningService } from '../control/control-client.ts'
import { systemClock } from '../platform/clock.ts'
import { ConfigError } from '../platform/config-error.ts'
import { migrate } from '../platform/db/migrate.ts'
import { parseId } from '../platform/ids.ts'
import { createLogger } from '../platform/log.ts'
import { openStorage } from '../storage.ts'
import { type OutputOptions, print } from './output.ts'
import { readSettings } from './read-settings.ts'
import { UsageError } from './usage-error.ts'

/** `krafter-push keys create`: prints the key, once. */
export async function createKeyCommand(
  options: OutputOptions & { name: string; team: string; scopes: string; expires?: string },
): Promise<void> {
  const given = {
    name: options.name,
    team: options.team,
    scopes: parseScopes(options.scopes),
    expires_at: parseMoment(options.expires)?.toISOString() ?? null,
  }
  const made = await withKeys((keys) => keys.create(given))
  print(made, options, () => console.log(`${made.key}\n(id ${made.id}; shown once, keep it)`))
}

/** `krafter-push keys list` */
export async function listKeysCommand(options: OutputOptions): Promise<void> {
  const shown = await withKeys((keys) => keys.list())
  const lines = shown.map((key) => {
    const state = key.revoked_at ? 'revoked' : key.expires_at ? `until ${key.expires_at}` : 'works'
    return [key.id, `${key.key_prefix}…`, key.scopes.join(','), state, `${key.team}/${key.name}`].join('  ')
  })
  print(shown, options, () => console.log(lines.join('\n') || 'no keys'))
}

/** `krafter-push keys revoke` */
export async function revokeKeyCommand(id: string, options: OutputOptions): Promise<void> {
  const revoked = parseId(id) !== undefined && (await withKeys((keys) => keys.revoke(id)))
  if (!revoked) throw new ConfigError(`there is no key ${id}: krafter-push keys list shows them`)
  print({ id, revoked: true }, options, () => console.log(`revoked ${id}`))
}

/** A running service with the embedded database executes the command. Otherwise this process opens the database. */
async function withKeys<Result>(use: (keys: KeyCommands) => Promise<Result>): Promise<Result> {
  const config = readSettings()
  const service = config.databaseUrl ? undefined : await findRunningService(config.dataDir)
  return service ? use(service) : withOpenDatabase(config, use)
}

async function withOpenDatabase<Result>(
  config: Config,
  use: (keys: KeyCommands) => Promise<Result>,
): Promise<Result> {
  const storage = await openStorage(config, createLogger(config.logLevel, process.stderr))
  try {
    await migrate(storage.db)
    return await use(createKeyCommands({ db: storage.db, clock: systemClock }))
  } finally {
    await storage.close()
  }
}

function parseScopes(value: string): Scope[] {
  const given = value.split(',').map((scope) => scope.trim())
  const unknown = given.find((scope) => !scopes.includes(scope as Scope))
  if (unknown !== undefined) throw new UsageError(`--scopes: "${unknown}" is not one of ${scopes.join(', ')}`)
  return given as Scope[]
}

function parseMoment(value: string | undefined): Date | null {
  if (value === undefined) return null
  const moment = new Date(value)
  if (Number.isNaN(moment.getTime()))
    throw new UsageError(`--expires: "${value}" is not a time such as 2030-01-01T00:00:00Z`)
  return moment
}
