import type { Deps } from '../../deps.ts'
import { found } from '../../platform/errors.ts'
import { documented } from '../../platform/http/answers.ts'
import type { Server } from '../../platform/http/server.ts'
import { readWebhook } from '../webhook-reader-store.ts'
import { reportHealth } from './health-report-store.ts'
import { healthDocs, presentHealth } from './health-schema.ts'

/** Registers the route that shows how a webhook answered recently. */
export function registerHealthReportRoutes(server: Server, { db, clock }: Pick<Deps, 'db' | 'clock'>): void {
  server.get('/push/apps/:app_id/webhooks/:webhook_id/health', documented(healthDocs), async (request) => {
    const webhook = found(await readWebhook(db, request.app.id, request.params.webhook_id))
    return { data: presentHealth(await reportHealth(db, request.app.id, webhook.id, clock.now())) }
  })
}
