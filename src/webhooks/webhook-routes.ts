import { z } from 'zod'
import { requireApp } from '../apps/app-store.ts'
import type { Deps } from '../deps.ts'
import { refusals } from '../errors.ts'
import { eventTypes } from '../events/catalog.ts'
import { text } from '../platform/http/fields.ts'
import type { Server } from '../platform/http/server.ts'
import { newId } from '../platform/ids.ts'
import { scheduleProbe } from './probe-job.ts'
import { webhookDocs } from './webhook-schema.ts'
import {
  encryptSecret,
  secretChange,
  secretField,
  signatureChange,
  signatureField,
} from './webhook-secrets.ts'
import { settingsFields, type WebhookSettings } from './webhook-settings.ts'
import {
  deleteWebhook,
  insertWebhook,
  isDisabledByFailures,
  listWebhooks,
  presentWebhook,
  readWebhook,
  updateWebhook,
  type WebhookChange,
} from './webhook-store.ts'

const url = text(2_048)
const secret = secretField.nullable()
/** What was sent is shown so that a slip is seen, and no more of it than that takes. */
const maxShownCharacters = 100
const unknownEvent = ({ input }: { input?: unknown }) =>
  `has an unknown event: ${String(JSON.stringify(input)).slice(0, maxShownCharacters)}`
const events = z
  .array(z.enum(eventTypes, { error: unknownEvent }))
  .max(100)
  .transform((names) => [...new Set(names)])
const ofApp = z.object({ app_id: z.string() })
const ofWebhook = z.object({ app_id: z.string(), webhook_id: z.string() })

/** Webhooks: contract section 2. */
export function registerWebhookRoutes(
  server: Server,
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'crypto' | 'guard'>,
): void {
  const { db, clock } = deps
  server.get(
    '/push/apps/:app_id/webhooks',
    { config: { scope: 'push:read' }, schema: { ...webhookDocs.list, params: ofApp } },
    async (request) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      return { data: (await listWebhooks(db, app.id)).map(presentWebhook) }
    },
  )
  server.post(
    '/push/apps/:app_id/webhooks',
    {
      config: { scope: 'push:write' },
      schema: {
        ...webhookDocs.create,
        params: ofApp,
        body: z.object({
          url,
          secret: secret.optional(),
          events: events.default([]),
          enabled: z.boolean().default(true),
          signature: signatureField.default('hmac'),
          ...settingsFields,
        }),
      },
    },
    async (request, reply) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      const { url, secret, events, enabled, signature, ...settings } = request.body
      const id = newId()
      const webhook = await insertWebhook(
        db,
        {
          id,
          appId: app.id,
          url: await checkedUrl(deps, url),
          secret: encryptSecret(deps, id, secret),
          events,
          enabled,
          ...signatureChange(deps, id, signature, 'hmac'),
          ...storedSettings(deps, id, settings),
        },
        clock.now(),
      )
      return reply.code(201).send({ data: presentWebhook(webhook) })
    },
  )
  server.get(
    '/push/apps/:app_id/webhooks/:webhook_id',
    { config: { scope: 'push:read' }, schema: { ...webhookDocs.read, params: ofWebhook } },
    async (request) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      return { data: presentWebhook(await readWebhook(db, app.id, request.params.webhook_id)) }
    },
  )
  server.patch(
    '/push/apps/:app_id/webhooks/:webhook_id',
    {
      config: { scope: 'push:write' },
      schema: {
        ...webhookDocs.update,
        params: ofWebhook,
        body: z.object({
          url: url.optional(),
          secret: secret.optional(),
          events: events.optional(),
          enabled: z.boolean().optional(),
          signature: signatureField.optional(),
          ...settingsFields,
        }),
      },
    },
    async (request) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      const id = request.params.webhook_id
      const before = await readWebhook(db, app.id, id)
      const { url, secret, events, enabled, signature, ...settings } = request.body
      const change = {
        url: url === undefined ? undefined : await checkedUrl(deps, url),
        events,
        enabled,
        ...secretChange(deps, id, secret),
        ...signatureChange(deps, id, signature, before.signature),
        ...storedSettings(deps, id, settings),
      }
      const webhook = await db.transaction().execute(async (trx) => {
        const changed = await updateWebhook(trx, app.id, id, change, clock.now())
        if (settings.auto_recover && isDisabledByFailures(changed)) {
          const { generation } = changed
          await scheduleProbe(trx, deps, { appId: app.id, webhookId: id, generation, number: 0 })
        }
        return changed
      })
      return { data: presentWebhook(webhook) }
    },
  )
  server.delete(
    '/push/apps/:app_id/webhooks/:webhook_id',
    {
      config: { scope: 'push:write' },
      schema: { ...webhookDocs.delete, params: ofWebhook },
    },
    async (request, reply) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      await db.transaction().execute((trx) => deleteWebhook(trx, app.id, request.params.webhook_id))
      return reply.code(204).send()
    },
  )
}

async function checkedUrl({ guard }: Pick<Deps, 'guard'>, url: string): Promise<string> {
  const verdict = await guard.checkForStorage(url)
  if (!verdict.ok) throw refusals.invalid({ url: [verdict.message] })
  return url
}

/** The settings as they are stored: headers encrypted, JSON as text, what is not given left out. */
function storedSettings(
  { crypto }: Pick<Deps, 'crypto'>,
  id: string,
  { headers, filter, batch, ...plain }: WebhookSettings,
): WebhookChange {
  const toJson = (value: unknown) => (value === undefined ? undefined : value && JSON.stringify(value))
  const stored: WebhookChange = { ...plain, filter: toJson(filter), batch: toJson(batch) }
  if (headers === undefined) return stored
  const names = Object.keys(headers ?? {}).sort()
  const values = names.length > 0 ? crypto.encrypt(JSON.stringify(headers), `webhook-headers:${id}`) : null
  return { ...stored, header_names: names, header_values: values }
}
