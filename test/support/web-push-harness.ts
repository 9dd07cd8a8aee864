import { createECDH, randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http2'
import type { SubscriberRow } from '../../src/channels/channel.ts'
import { generateVapidKeys } from '../../src/channels/web-push/vapid-keys.ts'
import { createWebPushChannel } from '../../src/channels/web-push/web-push-channel.ts'
import { createAddressGuard } from '../../src/outbound/address-guard.ts'
import { createOutbound } from '../../src/outbound/outbound-client.ts'
import { newId } from '../../src/platform/ids.ts'
import type { ChannelHarness, Reply } from './channel-harness.ts'
import {
  type ScriptedAnswer,
  type ScriptedPushService,
  scriptedCa,
  startScriptedPushService,
} from './scripted-push-service.ts'

export async function startWebPushHarness(timeoutMs: number): Promise<ChannelHarness> {
  const clock = { time: Date.parse('2025-06-01T08:00:00Z'), now: () => new Date(clock.time) }
  const outbound = createOutbound({ guard: createAddressGuard(['127.0.0.0/8']), ca: scriptedCa })
  const channel = createWebPushChannel({
    outbound,
    clock,
    vapidSubject: 'mailto:push@example.com',
    trackingKey: randomBytes(32),
    timeoutMs,
    quietMs: timeoutMs / 2,
    slowMs: timeoutMs,
  })
  const services = new Map<string, ScriptedPushService>()
  const rows = new Map<string, SubscriberRow>()
  const answer = (path: string, { ttl }: IncomingHttpHeaders): ScriptedAnswer | null => {
    const row = rows.get(path.slice(1))!
    harness.received.push(row.id)
    harness.keptFor.push(Number(ttl))
    return toAnswer(harness.reply(row))
  }
  const serviceOf = async (name: string) => {
    const service = services.get(name) ?? (await startScriptedPushService(answer))
    services.set(name, service)
    return service
  }
  const makeRow = (origin: string): SubscriberRow => {
    const id = newId()
    const p256dh = createECDH('prime256v1').generateKeys()
    return { id, token: `${origin}/${id}`, p256dh, auth: randomBytes(16), credential: 1, userEpoch: 0 }
  }
  const harness: ChannelHarness = {
    channel,
    clock,
    makeApp(id) {
      const { publicKey, privateKey } = generateVapidKeys()
      const credentials = new Map([[1, { publicPart: publicKey, readSecret: () => privateKey }]])
      return { id, credentials }
    },
    async makeRows(_, count, name = 'service') {
      const { origin } = await serviceOf(name)
      const made = Array.from({ length: count }, () => makeRow(origin))
      for (const row of made) rows.set(row.id, row)
      return made
    },
    makeUnusableRows() {
      const row = makeRow('https://127.0.0.1:1')
      return [
        { ...row, token: 'no url' },
        { ...row, p256dh: null },
        { ...row, auth: Buffer.alloc(15) },
        { ...row, p256dh: Buffer.alloc(65, 4) },
        { ...row, token: 'https://10.0.0.1/push' },
        { ...row, token: 'http://127.0.0.1/push' },
        { ...row, credential: 2 },
      ]
    },
    reply: () => ({ means: 'accepted' }),
    received: [],
    keptFor: [],
    async stop() {
      await channel.close()
      await outbound.close()
      for (const service of services.values()) service.stop()
    },
  }
  return harness
}

function toAnswer(reply: Reply): ScriptedAnswer | null {
  switch (reply.means) {
    case 'accepted':
      return { status: 201 }
    case 'gone':
      return { status: 410 }
    case 'refused':
      return { status: 400 }
    case 'failing':
      return { status: 500 }
    case 'throttled':
      return { status: 429, headers: { 'retry-after': String(reply.afterSeconds) } }
    case 'silent':
      return null
  }
}
