import { z } from 'zod'
import { empty, type RouteDocs } from '../platform/http/answers.ts'

const t = z.string().meta({ description: 'The field `t` of the payload that the device got.' })

/** As devices send it. Never enforced: what is not so changes nothing. */
export const reportBody = z.object({ t })
export const clickBody = z.object({
  t,
  action: z
    .string()
    .optional()
    .meta({ description: 'The action that was clicked, cut at 255 characters; absent: the notification.' }),
})

const tags = ['tracking']
const description =
  'Without a key, from any origin; the body may be sent as `text/plain`. Whatever comes, the answer is the same: a token ' +
  'that is forged, unknown or too old changes nothing.'
const answers = { 204: empty('What there was to record is recorded.') }
const token = 'A'.repeat(84)

/** What the API's description says about the routes for devices. */
export const trackingDocs = {
  delivered: {
    operationId: 'reportDelivered',
    summary: 'Report that a push came',
    description,
    tags,
    bodyExample: { t: token },
    answers,
  },
  clicked: {
    operationId: 'reportClicked',
    summary: 'Report a click',
    description,
    tags,
    bodyExample: { t: token, action: 'track' },
    answers,
  },
  unsubscribed: {
    operationId: 'reportUnsubscribed',
    summary: 'Opt out, from the device',
    description,
    tags,
    bodyExample: { t: token },
    answers,
  },
} satisfies Record<string, RouteDocs>
