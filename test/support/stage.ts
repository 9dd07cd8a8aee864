import { afterAll, beforeAll } from 'vitest'
import type { Role } from '../../src/app.ts'
import type { Api } from './api.ts'
import type { TestStorage } from './backends.ts'
import { type PushService, startPushService } from './push-service.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { startTestService, type TestService } from './service.ts'

/** A service, the push service that it sends to and a receiver of its webhooks. */
export interface Stage {
  storage: TestStorage
  running: TestService
  pushService: PushService
  receiver: Receiver
  /** Of the service that runs now. */
  readonly api: Api
}

/** Starts a stage before the tests of a `describe` and stops it after them; nothing is there before the tests. */
export function useStage(
  make: () => Promise<TestStorage>,
  env: Record<string, string> = {},
  roles?: Role[],
): Stage {
  const stage = {
    get api() {
      return stage.running.api
    },
  } as Stage
  beforeAll(async () => {
    stage.storage = await make()
    ;[stage.running, stage.pushService, stage.receiver] = await Promise.all([
      startTestService(stage.storage, env, roles),
      startPushService(),
      startReceiver(),
    ])
  })
  afterAll(async () => {
    await stage.running.end()
    await Promise.all([stage.pushService.stop(), stage.receiver.stop()])
  })
  return stage
}
