import { effectiveSettings } from '../config/effective-config.ts'
import { type OutputOptions, print, printTable } from './output.ts'
import { readEnvironment, readSettings, type SettingOptions } from './read-settings.ts'

/** `krafter-push config`: prints the effective settings and the source of each. Secrets are masked. */
export function showConfig(options: SettingOptions & OutputOptions): void {
  // Rejects the settings that the service would reject.
  readSettings(options)
  const { env, fromOptions } = readEnvironment(options)
  const settings = effectiveSettings(env, fromOptions)
  print(settings, options, () =>
    printTable(settings.map(({ name, value, from }) => [name, value ?? '–', from])),
  )
}
