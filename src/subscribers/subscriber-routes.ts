import { z } from 'zod'
import { requireApp } from '../apps/app-store.ts'
import { findVapidPair } from '../apps/vapid-pair-store.ts'
import { parseSubscriptionKeys } from '../channels/web-push/encrypt.ts'
import { normalizeVapidPublicKey } from '../channels/web-push/vapid.ts'
import type { Platform } from '../database.ts'
import type { Deps } from '../deps.ts'
import { refusals } from '../errors.ts'
import { answerOnce } from '../idempotency/answer-once.ts'
import { jsonObject, page, requiredText, text } from '../platform/http/fields.ts'
import type { Server } from '../platform/http/server.ts'
import { newId } from '../platform/ids.ts'
import { changeSubscriber } from './change-subscriber.ts'
import { registerSubscriber } from './register-subscriber.ts'
import { subscriberDocs } from './subscriber-schema.ts'
import {
  listSubscribers,
  presentSubscriber,
  readSubscriber,
  type SubscriberKeys,
} from './subscriber-store.ts'
import { removeSubscriber, unsubscribe } from './unsubscribe.ts'

const platforms = ['web', 'ios', 'android'] as const
const maxMetadataBytes = 16_384

const token = requiredText(4_096)
const keys = z.object({ p256dh: text(200), auth: text(100) })
const optional = {
  vapid_public_key: text(200).nullable().optional(),
  user_id: text(255).nullable().optional(),
  tags: z
    .array(requiredText(100))
    .max(100)
    .transform((tags) => [...new Set(tags)])
    .optional(),
  metadata: jsonObject(maxMetadataBytes).optional(),
}
const ofApp = z.object({ app_id: z.string() })
const ofSubscriber = z.object({ app_id: z.string(), subscriber_id: z.string() })

/** Subscribers: contract section 4. */
export function registerSubscriberRoutes(
  server: Server,
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'crypto' | 'guard'>,
): void {
  const { db } = deps
  server.get(
    '/push/apps/:app_id/subscribers',
    {
      config: { scope: 'push:read' },
      schema: {
        ...subscriberDocs.list,
        params: ofApp,
        querystring: z.object({
          platform: z.enum(platforms).optional(),
          status: z.enum(['active', 'inactive', 'unsubscribed']).optional(),
          ...page,
        }),
      },
    },
    async (request) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      return { data: (await listSubscribers(db, app.id, request.query)).map(presentSubscriber) }
    },
  )
  server.post(
    '/push/apps/:app_id/subscribers',
    {
      config: { scope: 'push:write', strict: true },
      schema: {
        ...subscriberDocs.register,
        params: ofApp,
        body: z.object({ platform: z.enum(platforms), token, keys: keys.optional(), ...optional }),
      },
    },
    async (request, reply) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      return answerOnce(deps, request, reply, app.id, async (commit) => {
        const { platform, token, keys, user_id: userId, tags, metadata } = request.body
        const checkedKeys = checkKeys(platform, keys, true)
        await checkToken(deps, platform, token)
        return commit(async (deps) => {
          const vapidPair = await findPair(deps, app.id, platform, request.body.vapid_public_key)
          const { subscriber, created } = await registerSubscriber(deps, {
            id: newId(),
            appId: app.id,
            platform,
            token,
            keys: checkedKeys ?? null,
            vapidPair,
            currentVapidPair: app.vapidPair,
            userId,
            tags,
            metadata,
          })
          return { status: created ? 201 : 200, data: presentSubscriber(subscriber) }
        })
      })
    },
  )
  server.get(
    '/push/apps/:app_id/subscribers/:subscriber_id',
    { config: { scope: 'push:read' }, schema: { ...subscriberDocs.read, params: ofSubscriber } },
    async (request) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      return { data: presentSubscriber(await readSubscriber(db, app.id, request.params.subscriber_id)) }
    },
  )
  server.patch(
    '/push/apps/:app_id/subscribers/:subscriber_id',
    {
      config: { scope: 'push:write' },
      schema: {
        ...subscriberDocs.update,
        params: ofSubscriber,
        body: z.object({
          token: token.optional(),
          keys: keys.optional(),
          status: z.enum(['active', 'unsubscribed']).optional(),
          ...optional,
        }),
      },
    },
    async (request) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      const subscriber = await readSubscriber(db, app.id, request.params.subscriber_id)
      const { token, keys, user_id: userId, tags, metadata, status } = request.body
      const checkedKeys = checkKeys(subscriber.platform, keys, false)
      if (token !== undefined) await checkToken(deps, subscriber.platform, token)
      const named = await findPair(deps, app.id, subscriber.platform, request.body.vapid_public_key)
      // Another token is another subscription, which browsers make with the current key.
      const isNew = token !== undefined && token !== subscriber.token
      const vapidPair = named ?? (isNew ? app.vapidPair : undefined)
      const change = { token, keys: checkedKeys, vapidPair, userId, tags, metadata, status }
      return { data: presentSubscriber(await changeSubscriber(deps, subscriber, change)) }
    },
  )
  server.post(
    '/push/apps/:app_id/subscribers/:subscriber_id/unsubscribe',
    {
      config: { scope: 'push:write' },
      schema: { ...subscriberDocs.unsubscribe, params: ofSubscriber },
    },
    async (request, reply) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      const key = { appId: app.id, id: request.params.subscriber_id }
      return answerOnce(deps, request, reply, app.id, (commit) =>
        commit(async (deps) => ({ status: 200, data: presentSubscriber(await unsubscribe(deps, key)) })),
      )
    },
  )
  server.delete(
    '/push/apps/:app_id/subscribers/:subscriber_id',
    {
      config: { scope: 'push:write' },
      schema: { ...subscriberDocs.delete, params: ofSubscriber },
    },
    async (request, reply) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      await removeSubscriber(deps, { appId: app.id, id: request.params.subscriber_id })
      return reply.code(204).send()
    },
  )
}

/** @throws 422 naming `keys` or the one that is wrong */
function checkKeys(
  platform: Platform,
  given: { p256dh: string; auth: string } | undefined,
  required: boolean,
): SubscriberKeys | undefined {
  if (platform !== 'web') return undefined
  if (!given) {
    if (required) throw refusals.invalid({ keys: ['is required for web'] })
    return undefined
  }
  const parsed = parseSubscriptionKeys(given.p256dh, given.auth)
  if (!parsed.ok) throw refusals.invalid({ [`keys.${parsed.field}`]: [parsed.message] })
  return parsed.keys
}

/**
 * The key pair that a subscription was made with; undefined where the request does not say.
 *
 * @throws 422 when the app has no such pair
 */
async function findPair(
  { db }: Pick<Deps, 'db'>,
  appId: string,
  platform: Platform,
  publicKey: string | null | undefined,
): Promise<number | undefined> {
  if (platform !== 'web' || publicKey === undefined || publicKey === null) return undefined
  const pair = await findVapidPair(db, appId, normalizeVapidPublicKey(publicKey))
  if (pair !== undefined) return pair
  throw refusals.invalid({ vapid_public_key: ['is not a public key of this app'] })
}

/** What each platform's tokens look like; web endpoints go through the address guard. */
async function checkToken({ guard }: Pick<Deps, 'guard'>, platform: Platform, token: string): Promise<void> {
  if (platform === 'web') {
    const verdict = await guard.checkForStorage(token)
    if (!verdict.ok) throw refusals.invalid({ token: [verdict.message] })
  } else if (platform === 'ios' && !/^(?:[0-9a-f]{2}){32,100}$/i.test(token)) {
    throw refusals.invalid({ token: ['must be 64 to 200 hexadecimal digits'] })
  } else if (platform === 'android' && !/^[A-Za-z0-9:_-]+$/.test(token)) {
    throw refusals.invalid({ token: ['must be an FCM registration token'] })
  }
}
