import { z } from 'zod'
import { generateVapidKeys, parseVapidKeys, type VapidKeys } from '../channels/web-push/vapid-keys.ts'
import type { Deps } from '../deps.ts'
import { createGroupRead } from '../engine/group-read.ts'
import { answerOnce } from '../idempotency/answer-once.ts'
import { withoutRequestTimeout } from '../platform/db/statement-context.ts'
import { found, refusals } from '../platform/errors.ts'
import { documented } from '../platform/http/answers.ts'
import { cursorField, presentPage } from '../platform/http/cursor.ts'
import { jsonObject, requiredText, shortListLimit, text } from '../platform/http/fields.ts'
import type { Server } from '../platform/http/server.ts'
import { newId } from '../platform/ids.ts'
import { describedAs } from '../platform/openapi/components.ts'
import { deleteApp } from './app-deletion-store.ts'
import { appDocs, presentApp } from './app-schema.ts'
import { insertApp, listApps, readApp, readApps } from './app-store.ts'
import { changeApp, vapidKeyContext } from './change-app.ts'
import type { KnownApps } from './known-apps.ts'
import { checkIdentityRequirement, publicRegistrationField } from './public-registration.ts'

/** The name of this list in cursors. */
const list = 'a'
const maxSettingsBytes = 16_384
const name = requiredText(255).describe('A name for people.')
const settings = jsonObject(maxSettingsBytes).meta({
  ...describedAs('AppSettings'),
  description: `Defaults for notifications, such as \`default_icon\`; at most ${maxSettingsBytes} bytes of JSON.`,
})
const vapidKeys = {
  vapid_public_key: text(200)
    .optional()
    .describe('The public key of a VAPID key pair that you have: a P-256 point, base64url.'),
  vapid_private_key: text(100).optional().describe('Its private key: 32 bytes, base64url.'),
}
const bothKeys = {
  dependentRequired: { vapid_public_key: ['vapid_private_key'], vapid_private_key: ['vapid_public_key'] },
}

/** Apps: contract section 4. */
export function registerAppRoutes(
  server: Server,
  deps: Pick<Deps, 'db' | 'clock' | 'crypto'> & { apps: KnownApps },
): void {
  const { db, clock, crypto } = deps
  const readOne = createGroupRead(
    (keys: readonly { teamId: string; id: string }[]) => readApps(db, keys),
    ({ teamId, id }) => `${teamId}:${id}`,
  )
  server.get(
    '/push/apps',
    documented(appDocs.list, {
      querystring: z.object({ limit: shortListLimit, cursor: cursorField(list) }),
    }),
    async (request) => {
      const { limit, cursor } = request.query
      const rows = await listApps(db, request.teamId, { after: cursor, limit })
      return presentPage(list, rows, limit, presentApp)
    },
  )
  server.post(
    '/push/apps',
    documented(appDocs.create, {
      body: z
        .object({
          name,
          settings: settings.default({}),
          ...vapidKeys,
          public_registration: publicRegistrationField.nullable().default(null),
        })
        .meta(bothKeys),
    }),
    (request, reply) =>
      answerOnce(deps, request, reply, async ({ db }) => {
        const id = newId()
        const { name, settings, public_registration: publicRegistration } = request.body
        checkIdentityRequirement(publicRegistration, false)
        const { publicKey, privateKey } = givenVapidKeys(request.body) ?? generateVapidKeys()
        const now = clock.now()
        await insertApp(db, {
          id,
          team_id: request.teamId,
          name,
          settings: JSON.stringify(settings),
          public_registration: publicRegistration && JSON.stringify(publicRegistration),
          vapid_public_key: publicKey,
          vapid_private_key: crypto.encrypt(privateKey, vapidKeyContext(id)),
          created_at: now,
          updated_at: now,
        })
        const app = presentApp(found(await readApp(db, request.teamId, id)))
        return { status: 201, data: { ...app, vapid_private_key: privateKey.toString('base64url') } }
      }),
  )
  server.get('/push/apps/:app_id', documented(appDocs.read), async ({ teamId, params }) => ({
    data: presentApp(found(await readOne({ teamId, id: params.app_id }))),
  }))
  server.patch(
    '/push/apps/:app_id',
    documented(appDocs.update, {
      body: z
        .object({
          name: name.optional(),
          settings: settings.optional(),
          ...vapidKeys,
          public_registration: publicRegistrationField.nullish(),
        })
        .meta(bothKeys),
    }),
    async (request) => {
      const { name, settings, public_registration: publicRegistration } = request.body
      const vapidKeys = givenVapidKeys(request.body)
      await changeApp(deps, request.app.id, { name, settings, publicRegistration, vapidKeys })
      return { data: presentApp(found(await readApp(db, request.teamId, request.app.id))) }
    },
  )
  server.delete('/push/apps/:app_id', documented(appDocs.delete), async (request, reply) => {
    await withoutRequestTimeout(() => db.transaction().execute((trx) => deleteApp(trx, request.app.id)))
    deps.apps.forget(request.app.id)
    return reply.code(204).send()
  })
}

/** @returns undefined when neither key is given. @throws 422 naming the key that is missing or wrong */
function givenVapidKeys(body: {
  vapid_public_key?: string
  vapid_private_key?: string
}): VapidKeys | undefined {
  const { vapid_public_key: publicKey, vapid_private_key: privateKey } = body
  if (publicKey === undefined && privateKey === undefined) return undefined
  if (publicKey === undefined) {
    throw refusals.invalid({ vapid_public_key: ['is required with vapid_private_key'] })
  }
  if (privateKey === undefined) {
    throw refusals.invalid({ vapid_private_key: ['is required with vapid_public_key'] })
  }
  const parsed = parseVapidKeys(publicKey, privateKey)
  if (!parsed.ok) throw refusals.invalid({ [parsed.field]: [parsed.message] })
  return parsed.keys
}
