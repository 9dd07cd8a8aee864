import { type Service, type ServiceOptions, startService } from '../../src/app.ts'
import { readConfig } from '../../src/config/config.ts'
import { makeCertificates } from '../../src/local-ends/certificates.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { createLogger } from '../../src/platform/log.ts'
import { type Api, createApi } from './api.ts'
import type { TestStorage } from './backends.ts'

/** A clock that runs with the real one, ahead of it by as much as a test says. */
export interface TestClock extends Clock {
  /** Milliseconds. */
  ahead: number
}

/** A service in this process, and a client with its first key. */
export interface TestService {
  service: Service
  api: Api
  clock: TestClock
  /** What it logged, a line each. */
  logs: Record<string, unknown>[]
  /** Stops it; the data stays. */
  stop(): Promise<void>
  /** Stops it, and deletes the data. */
  end(): Promise<void>
}

/** For tests: the loopback opened, no rate limits, retries within a second. `env` overrides. */
const testEnvironment = {
  PORT: '0',
  KRAFTER_ALLOW_NETWORKS: '127.0.0.0/8',
  KRAFTER_RATE_LIMIT_DEFAULT: '0',
  KRAFTER_RATE_LIMIT_STRICT: '0',
  KRAFTER_RATE_LIMIT_PUBLIC: '0',
  KRAFTER_RATE_LIMIT_UNAUTHORIZED: '0',
  KRAFTER_RETRY_SCHEDULE: '0.1,0.1,0.1,0.1',
  KRAFTER_LOG_LEVEL: 'debug',
  // A system that allows few open files would lower a higher limit, and say so in the log.
  KRAFTER_MAX_CONNECTIONS: '400',
}

/** Starts the whole service on a test's storage. */
export async function startTestService(
  storage: TestStorage,
  env: Record<string, string> = {},
  roles: ('api' | 'worker')[] = ['api', 'worker'],
  options: Pick<ServiceOptions, 'streams' | 'random' | 'connections'> = {},
): Promise<TestService> {
  const logs: Record<string, unknown>[] = []
  const log = createLogger('debug', { write: (line) => logs.push(JSON.parse(line)) })
  const clock: TestClock = { ahead: 0, now: () => new Date(Date.now() + clock.ahead) }
  const { ca } = await makeCertificates()
  const config = readConfig({ ...testEnvironment, ...storage.env, ...env })
  const service = await startService(config, { ...options, log, clock, ca, roles })
  const key = service.firstKey ?? config.bootstrapApiKey ?? ''
  return {
    service,
    api: createApi(service.url ?? '', key),
    clock,
    logs,
    stop: () => service.stop(),
    async end() {
      await service.stop()
      await storage.drop()
    },
  }
}
