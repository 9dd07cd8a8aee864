import { z } from 'zod'
import { generateVapidKeys } from '../channels/web-push/vapid.ts'
import type { Deps } from '../deps.ts'
import { jsonObject, requiredText } from '../platform/http/fields.ts'
import type { Server } from '../platform/http/server.ts'
import { newId } from '../platform/ids.ts'
import { appDocs } from './app-schema.ts'
import { deleteApp, insertApp, listApps, presentApp, readApp, requireApp, updateApp } from './app-store.ts'

const maxSettingsBytes = 16_384
const name = requiredText(255)
const settings = jsonObject(maxSettingsBytes)
const params = z.object({ app_id: z.string() })

/** Apps: contract section 4. */
export function registerAppRoutes(server: Server, deps: Pick<Deps, 'db' | 'clock' | 'crypto'>): void {
  const { db, clock, crypto } = deps
  server.get('/push/apps', { config: { scope: 'push:read' }, schema: appDocs.list }, async (request) => ({
    data: (await listApps(db, request.teamId)).map(presentApp),
  }))
  server.post(
    '/push/apps',
    {
      config: { scope: 'push:write' },
      schema: {
        ...appDocs.create,
        body: z.object({ name, settings: settings.default({}) }),
      },
    },
    async (request, reply) => {
      const id = newId()
      const { publicKey, privateKey } = generateVapidKeys()
      await insertApp(db, {
        id,
        teamId: request.teamId,
        ...request.body,
        vapidPublicKey: publicKey,
        vapidPrivateKey: crypto.encrypt(privateKey, `vapid-private-key:${id}`),
        now: clock.now(),
      })
      const app = presentApp(await readApp(db, request.teamId, id))
      return reply.code(201).send({ data: { ...app, vapid_private_key: privateKey.toString('base64url') } })
    },
  )
  server.get(
    '/push/apps/:app_id',
    { config: { scope: 'push:read' }, schema: { ...appDocs.read, params } },
    async (request) => ({ data: presentApp(await readApp(db, request.teamId, request.params.app_id)) }),
  )
  server.patch(
    '/push/apps/:app_id',
    {
      config: { scope: 'push:write' },
      schema: {
        ...appDocs.update,
        params,
        body: z.object({ name: name.optional(), settings: settings.optional() }),
      },
    },
    async (request) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      await updateApp(db, app.id, request.body, clock.now())
      return { data: presentApp(await readApp(db, request.teamId, app.id)) }
    },
  )
  server.delete(
    '/push/apps/:app_id',
    {
      config: { scope: 'push:write' },
      schema: { ...appDocs.delete, params },
    },
    async (request, reply) => {
      const app = await requireApp(db, request.teamId, request.params.app_id)
      await db.transaction().execute((trx) => deleteApp(trx, app.id))
      return reply.code(204).send()
    },
  )
}
