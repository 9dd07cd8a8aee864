import { type Config, readConfig } from '../config/config.ts'
import { readSecretFiles } from '../config/secret-files.ts'
import { ConfigError } from '../platform/config-error.ts'
import { UsageError } from './usage-error.ts'

/** Options that override an environment variable, by the option's name. */
export interface SettingOptions {
  port?: string
  host?: string
  dataDir?: string
}

const variables = { port: 'PORT', host: 'HOST', dataDir: 'KRAFTER_DATA_DIR' } as const
const flags = { PORT: '--port', HOST: '--host', KRAFTER_DATA_DIR: '--data-dir' } as const

/** Returns the variables with the command's options applied, and the names that the options set. */
export function readEnvironment(options: SettingOptions): {
  env: Record<string, string | undefined>
  fromOptions: (keyof typeof flags)[]
} {
  const given = (Object.keys(variables) as (keyof SettingOptions)[]).filter(
    (name) => options[name] !== undefined,
  )
  const set = given.map((name) => [variables[name], options[name]] as const)
  return {
    env: { ...readSecretFiles(process.env), ...Object.fromEntries(set) },
    fromOptions: set.map(([name]) => name),
  }
}

/**
 * Reads a command's configuration from its options and the environment.
 *
 * @throws UsageError when an option is invalid; ConfigError when a variable is invalid
 */
export function readSettings(options: SettingOptions = {}): Config {
  const { env, fromOptions } = readEnvironment(options)
  try {
    return readConfig(env)
  } catch (error) {
    const name = fromOptions.find((variable) => (error as Error).message.startsWith(`${variable} `))
    if (!(error instanceof ConfigError) || !name) throw error
    throw new UsageError(`${flags[name]}${error.message.slice(name.length)}`)
  }
}
