import type { TrackedPush } from '../channels/web-push/tracking-token.ts'
import { isObject } from '../platform/is-object.ts'

/** What a device reports about a push: that it arrived, or that somebody clicked it. */
export type ReceiptKind = 'delivered' | 'clicked'

export interface Report extends TrackedPush {
  kind: ReceiptKind
  /** When the report was received. */
  at: Date
  /** The clicked action; absent: the notification itself was clicked. */
  action?: string
}

const maxActionLength = 255

/**
 * Reads the fields of a report's body, whatever its content: invalid fields count as absent.
 *
 * @param body parsed JSON
 */
export function readReportBody(body: unknown): { token: string; action: string | undefined } {
  const { t, action }: Record<string, unknown> = isObject(body) ? body : {}
  return { token: typeof t === 'string' ? t : '', action: readAction(action) }
}

function readAction(action: unknown): string | undefined {
  if (typeof action !== 'string') return undefined
  return action.replaceAll('\0', '').slice(0, maxActionLength).toWellFormed() || undefined
}
