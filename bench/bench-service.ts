import { type Service, startService } from '../src/app.ts'
import { insertApp } from '../src/apps/app-store.ts'
import { generateVapidKeys } from '../src/channels/web-push/vapid.ts'
import { readConfig } from '../src/config/config.ts'
import { keepHeapSmall } from '../src/platform/heap.ts'
import { newId } from '../src/platform/ids.ts'
import { createLogger } from '../src/platform/log.ts'

/** Where a measured service keeps its data and whom it trusts. */
export interface BenchInput {
  /** Variables for the service: the database and its key. */
  env: Record<string, string>
  ca: string
  origin: string
}

/** Starts the service as `npm start` would, quiet, with the loopback opened. */
export async function startBenchService({ env, ca }: BenchInput): Promise<Service> {
  keepHeapSmall()
  const config = readConfig({ PORT: '0', KRAFTER_ALLOW_NETWORKS: '127.0.0.0/8', ...env })
  return startService(config, { ca, log: createLogger(process.env.BENCH_LOG ?? 'error') })
}

/** An app of the first team, made without the API. @returns its id */
export async function makeApp({ deps }: Service): Promise<string> {
  const { id: teamId } = await deps.db.selectFrom('teams').select('id').executeTakeFirstOrThrow()
  const id = newId()
  const { publicKey, privateKey } = generateVapidKeys()
  await insertApp(deps.db, {
    id,
    teamId,
    name: 'bench',
    vapidPublicKey: publicKey,
    vapidPrivateKey: deps.crypto.encrypt(privateKey, `vapid-private-key:${id}`),
    settings: {},
    now: deps.clock.now(),
  })
  return id
}
