import { z } from 'zod'
import { requireApp } from '../apps/app-store.ts'
import { findVapidPair } from '../apps/vapid-pair-store.ts'
import { parseSubscriptionKeys } from '../channels/web-push/encrypt.ts'
import { normalizeVapidPublicKey } from '../channels/web-push/vapid.ts'
import type { Platform } from '../database.ts'
import type { Deps } from '../deps.ts'
import { answerOnce } from '../idempotency/answer-once.ts'
import { refusals } from '../platform/errors.ts'
import { cursorField, presentPage, toPage } from '../platform/http/cursor.ts'
import { jsonObject, page, requiredText, text } from '../platform/http/fields.ts'
import type { Server } from '../platform/http/server.ts'
import { newId } from '../platform/ids.ts'
import { changeSubscriber } from './change-subscriber.ts'
import { keysField, readSubscription, subscriptionFields, tokenField } from './read-subscription.ts'
import { registerSubscriber } from './register-subscriber.ts'
import { subscriberDocs } from './subscriber-schema.ts'
import {
  listSubscribers,
  platforms,
  presentSubscriber,
  readSubscriber,
  type SubscriberKeys,
} from './subscriber-store.ts'
import { checkToken, respellToken } from './subscriber-token.ts'
import { removeSubscriber, unsubscribe } from './unsubscribe.ts'

/** As cursors name it. */
const list = 's'
const maxMetadataBytes = 16_384

const tag = requiredText(100)
const userId = text(255)
const optional = {
  vapid_public_key: text(200).nullable().optional(),
  user_id: userId.nullable().optional(),
  tags: z
    .array(tag)
    .max(100)
    .transform((tags) => [...new Set(tags)])
    .nullable()
    .optional(),
  metadata: jsonObject(maxMetadataBytes).nullable().optional(),
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
          user_id: userId.optional(),
          token: tokenField.optional(),
          tag: tag.optional(),
          ...page,
          cursor: cursorField(list),
        }),
      },
    },
    async (request) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      const { user_id: userId, cursor: after, ...filter } = request.query
      const rows = await listSubscribers(db, app.id, { ...filter, userId, after })
      return presentPage(toPage(list, rows, filter.limit), presentSubscriber)
    },
  )
  server.post(
    '/push/apps/:app_id/subscribers',
    {
      config: { scope: 'push:write', strict: true },
      schema: {
        ...subscriberDocs.register,
        params: ofApp,
        body: z.object({
          ...subscriptionFields,
          ...optional,
          old_token: tokenField.nullable().optional().meta({
            description:
              'What the device had before: its subscriber gets `token`, unless one has it already. For browsers that renewed their subscription.',
          }),
          keep_unsubscribed: z.boolean().default(false).meta({
            description: 'Leave a subscriber that opted out as it is: for calls without a gesture.',
          }),
        }),
      },
    },
    async (request, reply) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      return answerOnce(deps, request, reply, app.id, async (commit) => {
        const { user_id: userId, tags, metadata, old_token: oldToken } = request.body
        const { platform, keys, keysName, ...given } = readSubscription(request.body)
        const checkedKeys = checkKeys(platform, keys, keysName)
        const token = await checkToken(deps, platform, given.token, given.tokenName)
        return commit(async (deps) => {
          const vapidPair = await findPair(deps, app.id, platform, request.body.vapid_public_key)
          const { subscriber, created } = await registerSubscriber(deps, {
            id: newId(),
            appId: app.id,
            platform,
            token,
            oldToken: typeof oldToken === 'string' ? respellToken(platform, oldToken) : undefined,
            keys: checkedKeys ?? null,
            vapidPair,
            currentVapidPair: app.vapidPair,
            userId,
            // Clients that send every field send null for those that they do not set.
            tags: tags ?? undefined,
            metadata: metadata ?? undefined,
            keepUnsubscribed: request.body.keep_unsubscribed,
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
          token: tokenField.optional(),
          keys: keysField.optional(),
          status: z.enum(['active', 'unsubscribed']).optional(),
          ...optional,
        }),
      },
    },
    async (request) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      const subscriber = await readSubscriber(db, app.id, request.params.subscriber_id)
      const { token, keys, user_id: userId, tags, metadata, status } = request.body
      const change = {
        token: token === undefined ? undefined : await checkToken(deps, subscriber.platform, token),
        keys: checkKeys(subscriber.platform, keys, 'keys'),
        vapidPair: await findPair(deps, app.id, subscriber.platform, request.body.vapid_public_key),
        userId,
        tags: tags === null ? [] : tags,
        metadata: metadata === null ? {} : metadata,
        status,
      }
      return { data: presentSubscriber(await changeSubscriber(deps, app, subscriber.id, change)) }
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

/**
 * @param name what the request calls them
 * @throws 422 naming the one that is wrong
 */
function checkKeys(
  platform: Platform,
  given: { p256dh: string; auth: string } | undefined,
  name: string,
): SubscriberKeys | undefined {
  if (platform !== 'web' || !given) return undefined
  const parsed = parseSubscriptionKeys(given.p256dh, given.auth)
  if (!parsed.ok) throw refusals.invalid({ [`${name}.${parsed.field}`]: [parsed.message] })
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
