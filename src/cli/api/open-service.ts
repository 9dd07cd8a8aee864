import { Krafter, type KrafterOptions } from '../../../packages/client/index.ts'
import { readSecretFile, readSecretFiles } from '../../config/secret-files.ts'
import { ConfigError } from '../../platform/config-error.ts'
import { UsageError } from '../usage-error.ts'
import { defaultUrl, type ServiceOptions } from './service-command.ts'

/**
 * Reads the service's URL and API key from the options and the environment. No option takes the key itself, because
 * every user of the machine can read command lines. Empty values count as absent.
 *
 * @returns `urlSource`: the option or variable that set the URL
 * @throws ConfigError in one sentence
 */
export function readServiceAccess(options: Pick<ServiceOptions, 'url' | 'keyFile'>) {
  const env = readSecretFiles(process.env)
  const apiKey = options.keyFile ? readSecretFile('--key-file', options.keyFile) : env.KRAFTER_API_KEY
  if (!apiKey) {
    throw new ConfigError(
      'an API key is needed: set KRAFTER_API_KEY, or give a file with --key-file (- for standard input)',
    )
  }
  const url = options.url || env.KRAFTER_PUBLIC_URL || defaultUrl
  return { url, apiKey, urlSource: options.url ? '--url' : 'KRAFTER_PUBLIC_URL' } as const
}

/** Reads a webhook's secret from the file or the environment; undefined when neither has one. */
export function readWebhookSecret({ secretFile }: { secretFile?: string }): string | undefined {
  if (secretFile) return readSecretFile('--secret-file', secretFile)
  return readSecretFiles(process.env).KRAFTER_WEBHOOK_SECRET || undefined
}

/**
 * Creates a client for the service that the options and the environment name.
 *
 * @throws ConfigError or UsageError in one sentence
 */
export function openService(
  options: ServiceOptions,
  own: Partial<KrafterOptions> = {},
  { url, apiKey, urlSource } = readServiceAccess(options),
): Krafter {
  try {
    return new Krafter({ url, apiKey, headers: { 'user-agent': 'krafter-push-cli' }, ...own })
  } catch (error) {
    throw new UsageError(`${urlSource === '--url' ? urlSource : 'the service'}: ${(error as Error).message}`)
  }
}

/** @returns the id of `--app`, or of the team's only app. @throws ConfigError unless there is exactly one */
export async function findApp(service: Krafter, { app }: ServiceOptions): Promise<string> {
  return (
    app ?? findOnly('app', (await service.apps.list({ limit: 10 })).data, ({ name }) => name, '--app <id>').id
  )
}

/** @returns the given webhook id, or the app's only webhook. @throws ConfigError unless there is exactly one */
export async function findWebhook(
  service: Krafter,
  appId: string,
  given: string | undefined,
): Promise<string> {
  const found = given ?? (await service.webhooks.list(appId)).data
  return typeof found === 'string' ? found : findOnly('webhook', found, ({ url }) => url, 'its id').id
}

/**
 * Picks the only app of a team, or the only webhook of an app.
 *
 * @param how the option or argument that selects one of several
 * @throws ConfigError when there is none, or more than one
 */
export function findOnly<T extends { id: string }>(
  what: string,
  all: T[],
  describe: (one: T) => string,
  how: string,
): T {
  const [only, ...others] = all
  if (!only) throw new ConfigError(`there is no ${what} yet: create one with krafter-push ${what}s create`)
  if (others.length === 0) return only
  const list = all.map((one) => `${one.id} (${describe(one)})`).join(', ')
  throw new ConfigError(`there are several ${what}s, choose one with ${how}: ${list}`)
}

/** The first rows of a list, at most `limit`. */
export async function take<T>(list: AsyncIterable<T>, limit: number): Promise<T[]> {
  const rows: T[] = []
  for await (const row of list) {
    rows.push(row)
    if (rows.length >= limit) break
  }
  return rows
}
