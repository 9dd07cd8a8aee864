import { z } from 'zod'
import { groupedBy } from '../platform/http/answers.ts'

const t = z.string().meta({ description: 'The field `t` of the payload that the device received.' })

/** A report as devices send it. The schema is never enforced: an invalid report changes nothing. */
export const reportBody = z.object({ t })
export const clickBody = z.object({
  t,
  action: z.string().optional().meta({
    description: 'The action that was clicked, cut at 255 characters; absent: the notification itself.',
  }),
})

const description =
  'Takes no key, from any origin; the body may be sent as `text/plain`. The answer is always the same: a token that is ' +
  'forged, unknown or too old changes nothing.'
const answers = { 204: { description: 'The report is recorded, if there was something to record.' } }
const token = 'A'.repeat(84)

/** The OpenAPI description of the routes for devices. */
export const trackingDocs = groupedBy('tracking', {
  delivered: {
    operationId: 'reportDelivered',
    summary: 'Report that a push arrived',
    description,
    bodyExample: { t: token },
    answers,
  },
  clicked: {
    operationId: 'reportClicked',
    summary: 'Report a click',
    description,
    bodyExample: { t: token, action: 'track' },
    answers,
  },
  unsubscribed: {
    operationId: 'reportUnsubscribed',
    summary: 'Unsubscribe from the device',
    description,
    bodyExample: { t: token },
    answers,
  },
})
