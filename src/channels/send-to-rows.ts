import type { Channel, ChannelApp, SubscriberRow } from './channel.ts'
import type { Message } from './message.ts'
import { type Outcome, rejected } from './outcome.ts'

/**
 * Sends a notification to subscribers of one platform. Never rejects: every failure is an outcome.
 *
 * @returns one outcome per row, in their order
 */
export async function sendToRows(
  channel: Channel,
  app: ChannelApp,
  message: Message,
  rows: readonly SubscriberRow[],
  signal: AbortSignal,
  mayStart: () => boolean = () => true,
): Promise<Outcome[]> {
  try {
    const settings = channel.readSettings(app)
    const made = rows.map((row) => channel.toTarget(settings, row))
    const targets = made.flatMap((one) => ('target' in one ? [one.target] : []))
    const sent = (await channel.send(settings, message, targets, signal, mayStart)).values()
    return made.map((one) => ('outcome' in one ? one.outcome : sent.next().value!))
  } catch (error) {
    return rows.map(() => rejected((error as Error).message))
  }
}
