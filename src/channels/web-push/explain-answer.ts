import type { OutboundAnswer } from '../../outbound/outbound.ts'
import { isObject } from '../../platform/is-object.ts'
import { orUndefined } from '../../platform/or-undefined.ts'

/** Characters of a push service's explanation that are kept. */
const maxExplanationLength = 200

/** Headers whose values push services ask for in questions about a push. */
const traceHeaders = ['apns-id', 'x-wns-msg-id', 'x-wns-debug-trace']

/**
 * Explains a push service's answer in one line. The text comes from the JSON of Apple (`reason`), Mozilla (`message`)
 * and FCM (`error.message`), from the headers of WNS, or from the body. The ids that the service gave the push follow.
 *
 * @returns '' when the answer says nothing
 */
export function explainAnswer({ headers, body }: Pick<OutboundAnswer, 'headers' | 'body'>): string {
  const header = (name: string) => [headers[name] ?? []].flat().join(', ')
  const status = header('x-wns-notificationstatus') || header('x-wns-status')
  const said = [header('x-wns-error-description'), /^received$/i.test(status) ? '' : status, reasonIn(body)]
  const traces = traceHeaders.filter((name) => header(name)).map((name) => `${name} ${header(name)}`)
  const trace = traces.length > 0 ? ` (${oneLine(traces.join(', '))})` : ''
  return `${oneLine(said.filter(Boolean).join('; '))}${trace}`.trim()
}

function reasonIn(body: Buffer): string {
  const text = body.toString('utf8')
  const parsed: unknown = orUndefined(() => JSON.parse(text))
  if (!isObject(parsed)) return text
  const { reason, message, error } = parsed
  const inner = isObject(error) ? error.message : error
  const said = [reason, message, inner].find((one) => typeof one === 'string' && one !== '')
  return typeof said === 'string' ? said : text
}

function oneLine(text: string): string {
  return text
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, maxExplanationLength)
}
