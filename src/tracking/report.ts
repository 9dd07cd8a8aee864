import type { TrackedPush } from '../channels/web-push/tracking-token.ts'

/** What a device says of a push: that it came, or that somebody clicked it. */
export type ReceiptKind = 'delivered' | 'clicked'

export interface Report extends TrackedPush {
  kind: ReceiptKind
  /** When the report came. */
  at: Date
  /** The action that was clicked; absent for the notification itself. */
  action?: string
}

const maxActionLength = 255

/**
 * The fields of a report's body, whatever it is: what is not as it should be counts as absent.
 *
 * @param body parsed JSON
 */
export function readReportBody(body: unknown): { token: string; action: string | undefined } {
  const { t, action } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  return { token: typeof t === 'string' ? t : '', action: readAction(action) }
}

function readAction(action: unknown): string | undefined {
  if (typeof action !== 'string') return undefined
  return action.replaceAll('\0', '').slice(0, maxActionLength).toWellFormed() || undefined
}
