import { effectiveSettings } from '../config/effective-config.ts'
import { readEnvironment, readSettings, type SettingOptions } from './read-settings.ts'
import { printTable } from './table.ts'

/** `krafter-push config`: what the service would run with, and where each value is from. Secrets are masked. */
export function showConfig(options: SettingOptions & { json?: boolean }): void {
  // What the service would refuse is refused here.
  readSettings(options)
  const { env, fromOptions } = readEnvironment(options)
  const settings = effectiveSettings(env, fromOptions)
  if (options.json) console.log(JSON.stringify(settings))
  else printTable(settings.map(({ name, value, from }) => [name, value ?? '–', from]))
}
