import { ConfigError } from '../config-error.ts'

/** The state of a database's schema. `newer`: migrations of a later version that are compatible with this one. */
export type SchemaComparison = { pending: boolean; newer: string[] }

/**
 * Decides by name whether a program that knows the migrations `known` can run on a database that has `recorded`.
 *
 * Most migrations only add to the schema, so older programs still run. A migration that removes something, or requires
 * more than before, says so in its name, the only part of it that an older program sees. For example, a program that
 * knows 0010 or later can run with `0012_needs_0010_drop_tokens`; an older program refuses to start.
 *
 * @throws ConfigError when the program cannot run on the database
 */
export function judgeSchema(known: readonly string[], recorded: readonly string[]): SchemaComparison {
  const latest = known.toSorted().at(-1) ?? ''
  const newer = recorded.filter((name) => !known.includes(name)).toSorted()
  const pending = known.filter((name) => !recorded.includes(name))
  const tooNew = newer.find((name) => latest.slice(0, numberLength) < (neededBy(name) ?? ''))
  if (tooNew) {
    throw new ConfigError(
      `the database is newer than this version: its migration ${tooNew} rules out versions up to ${latest}; start the version that migrated it, or restore an older backup`,
    )
  }
  if (newer.length > 0 && pending.length > 0) {
    throw new ConfigError(
      `another version migrated the database in another order: it has ${newer[0]} and lacks ${pending[0]}; start that version`,
    )
  }
  return { pending: pending.length > 0, newer }
}

const numberLength = 4

/** The number of the first migration that a program must know to run on a database with this one. */
function neededBy(name: string): string | undefined {
  return /^\d{4}_needs_(\d{4})(?!\d)/.exec(name)?.[1]
}
