import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { createGroupRead } from '../engine/group-read.ts'
import { platformField } from '../events/catalog.ts'
import { answerOnce, answerOnceAfter } from '../idempotency/answer-once.ts'
import { found } from '../platform/errors.ts'
import { documented } from '../platform/http/answers.ts'
import {
  batchBodyLimitBytes,
  checkRows,
  presentRow,
  rowsField,
  withGoodRows,
} from '../platform/http/batch.ts'
import { cursorField, presentPage } from '../platform/http/cursor.ts'
import { page } from '../platform/http/fields.ts'
import type { Server } from '../platform/http/server.ts'
import { changeSubscriber } from './change-subscriber.ts'
import type { Registered } from './decide-registrations.ts'
import { keysField, tokenField } from './read-subscription.ts'
import type { Registrar } from './registrar.ts'
import { registrationKinds } from './registration-kinds.ts'
import {
  checkKeys,
  checkRegistration,
  findPairs,
  namedKey,
  optionalFields,
  registrationBody,
  tagField,
  userIdField,
} from './registration-request.ts'
import { listSubscribers, readSubscriber, readSubscribers } from './subscriber-reader-store.ts'
import { presentSubscriber, subscriberDocs, subscriberStatusField } from './subscriber-schema.ts'
import { checkToken } from './subscriber-token.ts'
import { removeSubscriber, unsubscribe } from './unsubscribe.ts'

/** Registrations per batch. */
const maxBatch = 1_000
/** The name of this list in cursors. */
const list = 's'

/** Subscribers: contract section 4. */
export function registerSubscriberRoutes(
  server: Server,
  deps: Pick<Deps, 'db' | 'clock' | 'crypto' | 'guard'> & { registrar: Registrar },
): void {
  const { db, registrar } = deps
  const readOne = createGroupRead(
    (keys: readonly { appId: string; id: string }[]) => readSubscribers(db, keys),
    ({ appId, id }) => `${appId}:${id}`,
  )
  server.get(
    '/push/apps/:app_id/subscribers',
    documented(subscriberDocs.list, {
      querystring: z.object({
        platform: platformField.optional().describe('Only subscribers on this platform.'),
        status: subscriberStatusField.optional().describe('Only subscribers with this status.'),
        user_id: userIdField.optional().describe('Only subscribers of this user.'),
        token: tokenField
          .optional()
          .describe('Only the subscriber with this token; an endpoint in any spelling.'),
        tag: tagField.optional().describe('Only subscribers with this tag.'),
        ...page,
        cursor: cursorField(list),
      }),
    }),
    async (request) => {
      const { user_id: userId, cursor: after, ...filter } = request.query
      const rows = await listSubscribers(db, request.app.id, { ...filter, userId, after })
      return presentPage(list, rows, filter.limit, presentSubscriber)
    },
  )
  server.post(
    '/push/apps/:app_id/subscribers',
    {
      config: { strict: true },
      ...documented(subscriberDocs.register, {
        bodyKinds: registrationKinds,
        body: registrationBody,
      }),
    },
    async (request, reply) => {
      const check = () => checkRegistration(deps, request.app, request.body)
      return answerOnceAfter(check, deps, request, reply, async (deps, checked) => {
        const [registration] = await findPairs(deps.db, request.app.id, [checked])
        if (registration instanceof Error) throw registration
        return presentRegistered(await registrar.add(deps, registration!))
      })
    },
  )
  server.post(
    '/push/apps/:app_id/subscribers/batch',
    {
      config: { strict: { rowsIn: 'subscribers' } },
      bodyLimit: batchBodyLimitBytes,
      ...documented(subscriberDocs.registerBatch, {
        body: z.object({
          subscribers: rowsField(registrationBody, maxBatch).describe('What to register, row by row.'),
        }),
      }),
    },
    async (request, reply) => {
      const check = () =>
        checkRows(request.body.subscribers, (row) => checkRegistration(deps, request.app, row))
      return answerOnceAfter(check, deps, request, reply, async (deps, checked) => {
        const found = await withGoodRows(checked, (good) => findPairs(deps.db, request.app.id, good))
        const results = await withGoodRows(found, (good) => registrar.addAll(deps, good))
        const rows = results.map((done) => (done instanceof Error ? done : presentRegistered(done)))
        return { status: 200, data: rows.map((row) => presentRow(row, request.log)) }
      })
    },
  )
  server.get(
    '/push/apps/:app_id/subscribers/:subscriber_id',
    documented(subscriberDocs.read),
    async (request) => {
      return {
        data: presentSubscriber(
          found(await readOne({ appId: request.app.id, id: request.params.subscriber_id })),
        ),
      }
    },
  )
  server.patch(
    '/push/apps/:app_id/subscribers/:subscriber_id',
    documented(subscriberDocs.update, {
      body: z.object({
        token: tokenField.optional().describe('Another token; a `web` token needs its `keys`.'),
        keys: keysField.optional().describe('The keys of the subscription.'),
        status: z
          .enum(['active', 'unsubscribed'])
          .optional()
          .describe('`unsubscribed`: it opts out; `active`: it receives pushes again.'),
        ...optionalFields,
      }),
    }),
    async (request) => {
      const subscriber = found(await readSubscriber(db, request.app.id, request.params.subscriber_id))
      const { token, keys, user_id: userId, tags, metadata, status } = request.body
      const vapidKey = namedKey(subscriber.platform, request.body.vapid_public_key)
      const checked = {
        token: token === undefined ? undefined : await checkToken(deps, subscriber.platform, token, 'token'),
        keys: checkKeys(subscriber.platform, keys, 'keys'),
        vapidKey,
        userId,
        tags: tags === null ? [] : tags,
        metadata: metadata === null ? {} : metadata,
        status,
      }
      const [change] = await findPairs(db, request.app.id, [checked])
      if (change instanceof Error) throw change
      return { data: presentSubscriber(await changeSubscriber(deps, request.app, subscriber.id, change!)) }
    },
  )
  server.post(
    '/push/apps/:app_id/subscribers/:subscriber_id/unsubscribe',
    documented(subscriberDocs.unsubscribe),
    async (request, reply) => {
      const key = { appId: request.app.id, id: request.params.subscriber_id }
      return answerOnce(deps, request, reply, async (deps) => ({
        status: 200,
        data: presentSubscriber(await unsubscribe(deps, key)),
      }))
    },
  )
  server.delete(
    '/push/apps/:app_id/subscribers/:subscriber_id',
    documented(subscriberDocs.delete),
    async (request, reply) => {
      await removeSubscriber(deps, { appId: request.app.id, id: request.params.subscriber_id })
      return reply.code(204).send()
    },
  )
}

function presentRegistered({ subscriber, created }: Registered) {
  return { status: created ? 201 : 200, data: presentSubscriber(subscriber) }
}
