import { environment } from './config.ts'

/** A setting with its effective value. */
export interface EffectiveSetting {
  name: string
  /** The text of the variable, with secrets masked. Null: not set, and there is no default. */
  value: string | null
  /** `file`: the value is in the file that `<name>_FILE` names. */
  from: 'option' | 'variable' | 'file' | 'default' | 'unset'
}

/**
 * Lists every setting, in the order of the documentation.
 *
 * @param env the variables, after {@link readSecretFiles}
 * @param fromOptions names of the settings that a command-line option has set
 */
export function effectiveSettings(
  env: Record<string, string | undefined>,
  fromOptions: readonly string[] = [],
): EffectiveSetting[] {
  const defaults: Record<string, unknown> = environment.parse({})
  return Object.keys(environment.shape).map((name) => {
    const given = env[name]
    if (given) {
      const from = fromOptions.includes(name) ? 'option' : env[`${name}_FILE`] ? 'file' : 'variable'
      return { name, value: mask(name, given), from }
    }
    const value = defaults[name]
    return value === undefined || String(value) === ''
      ? { name, value: null, from: 'unset' }
      : { name, value: String(value), from: 'default' }
  })
}

/** An alert URL often has a token in its path. */
function mask(name: string, value: string): string {
  switch (name) {
    case 'KRAFTER_ENCRYPTION_KEY':
    case 'KRAFTER_BOOTSTRAP_API_KEY':
    case 'OTEL_EXPORTER_OTLP_HEADERS':
      return hidden
    case 'KRAFTER_ALERT_WEBHOOK_URL':
      return `${new URL(value).origin}/${hidden}`
    case 'DATABASE_URL':
    case 'KRAFTER_OUTBOUND_PROXY':
      return withoutPassword(value)
    default:
      return value
  }
}

const hidden = '••••'

function withoutPassword(value: string): string {
  const url = new URL(value)
  const password = url.searchParams.get('password')
  if (url.password) url.password = 'hidden'
  if (password !== null) url.searchParams.set('password', 'hidden')
  return url.href
}
