import { randomBytes } from 'node:crypto'
import { Krafter } from '../../packages/client/index.ts'
import { startService } from '../app.ts'
import { readConfig } from '../config/config.ts'
import { makeCertificates } from '../local-ends/certificates.ts'
import { createLogger } from '../platform/log.ts'
import { startSimulatedPushService } from './simulated-push-service.ts'
import { startSimulatedReceiver } from './simulated-receiver.ts'

/**
 * Starts the service on the embedded database in `folder`, a push service and a receiver. Only this process trusts the
 * authority that signs their certificates, and only this service may send to the loopback. The demo ignores environment
 * variables, so it never touches an install's data.
 */
export async function openStage(folder: string, onPush: (taken: number) => void) {
  const certificates = await makeCertificates()
  /** The receiver verifies deliveries with it. */
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const pushService = await startSimulatedPushService(certificates, onPush)
  const receiver = await startSimulatedReceiver(certificates, secret)
  const stopEnds = () => Promise.all([pushService.stop(), receiver.stop()])
  const { log, completedAt } = watchLog()
  const config = readConfig({
    PORT: '0',
    KRAFTER_DATA_DIR: folder,
    KRAFTER_ALLOW_NETWORKS: '127.0.0.0/8',
    KRAFTER_RATE_LIMIT_DEFAULT: '0',
    KRAFTER_RATE_LIMIT_STRICT: '0',
    KRAFTER_RATE_LIMIT_PUBLIC: '0',
    KRAFTER_VAPID_SUBJECT: 'mailto:demo@krafter.example',
  })
  try {
    const service = await startService(config, { log, ca: certificates.ca })
    const krafter = new Krafter({ url: service.url!, apiKey: service.firstKey! })
    /** Stops all three; the folder stays. */
    const close = async () => {
      await service.stop()
      await stopEnds()
    }
    return { krafter, pushService, receiver, secret, completedAt, close }
  } catch (error) {
    await stopEnds()
    throw error
  }
}

/** The demo's service, push service and receiver, all in this process, each listening on a free port. */
export type Stage = Awaited<ReturnType<typeof openStage>>

/** Reads the completion time (ms since the epoch) from the log line at the commit: the API's times are whole seconds. */
function watchLog() {
  const { promise: completedAt, resolve } = Promise.withResolvers<number>()
  const write = (line: string) => {
    if (line.includes('"notification.completed"')) resolve(Date.now())
  }
  return { log: createLogger('info', { write }), completedAt }
}
