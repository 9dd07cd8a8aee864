import { Krafter } from '../../../packages/client/index.ts'
import { readSecretFile, readSecretFiles } from '../../config/secret-files.ts'
import { ConfigError } from '../../platform/config-error.ts'
import { UsageError } from '../usage-error.ts'
import { defaultUrl, type ServiceOptions } from './service-command.ts'

/** Where the service is, and the key for it. */
export interface ServiceAccess {
  url: string
  apiKey: string
  /** What named it. */
  urlSource: '--url' | 'KRAFTER_PUBLIC_URL'
}

/**
 * What the options and the environment say of the service. A key never stands on the command line, where every user of
 * the machine can read it. Empty values count as absent.
 *
 * @throws ConfigError in one sentence
 */
export function readServiceAccess(options: Pick<ServiceOptions, 'url' | 'keyFile'>): ServiceAccess {
  const env = readSecretFiles(process.env)
  const apiKey = options.keyFile ? readSecretFile('--key-file', options.keyFile) : env.KRAFTER_API_KEY
  if (!apiKey) {
    throw new ConfigError(
      'an API key is needed: set KRAFTER_API_KEY, or give a file with --key-file (- for standard input)',
    )
  }
  const url = options.url || env.KRAFTER_PUBLIC_URL || defaultUrl
  return { url, apiKey, urlSource: options.url ? '--url' : 'KRAFTER_PUBLIC_URL' }
}

/** A webhook's secret, of the file or of the environment; undefined: none. */
export function readWebhookSecret({ secretFile }: { secretFile?: string }): string | undefined {
  if (secretFile) return readSecretFile('--secret-file', secretFile)
  return readSecretFiles(process.env).KRAFTER_WEBHOOK_SECRET || undefined
}

/**
 * A client of the service that the options and the environment name.
 *
 * @throws ConfigError or UsageError in one sentence
 */
export function openService(options: ServiceOptions): Krafter {
  const { url, apiKey, urlSource } = readServiceAccess(options)
  try {
    return new Krafter({ url, apiKey, headers: { 'user-agent': 'krafter-push-cli' } })
  } catch (error) {
    throw new UsageError(`${urlSource === '--url' ? urlSource : 'the service'}: ${(error as Error).message}`)
  }
}

/** @returns the id of the app that `--app` names, or of the only one. @throws ConfigError when there is not just one */
export async function findApp(service: Krafter, { app }: ServiceOptions): Promise<string> {
  return (
    app ?? findOnly('app', (await service.apps.list({ limit: 10 })).data, ({ name }) => name, '--app <id>').id
  )
}

/** @returns the id of the webhook that was named, or of the app's only one. @throws ConfigError when there is not just one */
export async function findWebhook(
  service: Krafter,
  appId: string,
  given: string | undefined,
): Promise<string> {
  const found = given ?? (await service.webhooks.list(appId)).data
  return typeof found === 'string' ? found : findOnly('webhook', found, ({ url }) => url, 'its id').id
}

/**
 * The only one of what a team or an app has.
 *
 * @param how to name one of several
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
