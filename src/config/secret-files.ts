import { readFileSync } from 'node:fs'
import { ConfigError } from '../platform/config-error.ts'

/** Settings that may be read from a file, as orchestrators mount secrets: `<name>_FILE` holds its path. */
const secrets = [
  'DATABASE_URL',
  'KRAFTER_ENCRYPTION_KEY',
  'KRAFTER_BOOTSTRAP_API_KEY',
  'KRAFTER_OUTBOUND_PROXY',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'KRAFTER_API_KEY',
  'KRAFTER_WEBHOOK_SECRET',
]

/**
 * Returns the variables, including the secrets that are in files.
 *
 * @throws ConfigError when a file cannot be read, or a secret is given twice
 */
export function readSecretFiles(env: Record<string, string | undefined>): Record<string, string | undefined> {
  const read: Record<string, string> = {}
  for (const name of secrets) {
    const path = env[`${name}_FILE`]
    if (!path) continue
    if (env[name]) throw new ConfigError(`${name} and ${name}_FILE are both set: unset one of them`)
    read[name] = readSecretFile(`${name}_FILE`, path)
  }
  return { ...env, ...read }
}

/**
 * @param setting the option or variable that names the file, for error messages
 * @param path `-`: standard input
 * @throws ConfigError when the file cannot be read or is empty
 */
export function readSecretFile(setting: string, path: string): string {
  let text: string
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8').trim()
  } catch (cause) {
    throw new ConfigError(`${setting} ${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
  if (text === '') throw new ConfigError(`${setting} ${path} is empty`)
  return text
}
