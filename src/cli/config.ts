import { effectiveSettings } from '../config/effective-config.ts'
import { readEnvironment, readSettings, type SettingOptions } from './read-settings.ts'
import { printTable } from './table.ts'

/** `krafter-push config`: prints the effective settings and the source of each. Secrets are masked. */
export function showConfig(options: SettingOptions & { json?: boolean }): void {
  // Rejects the settings that the service would reject.
  readSettings(options)
  const { env, fromOptions } = readEnvironment(options)
  const settings = effectiveSettings(env, fromOptions)
  if (options.json) console.log(JSON.stringify(settings))
  else printTable(settings.map(({ name, value, from }) => [name, value ?? '–', from]))
}
