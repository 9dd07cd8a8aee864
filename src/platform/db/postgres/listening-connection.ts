import pg from 'pg'
import { createInTurn, type InTurn } from '../../in-turn.ts'
import { sharedRun } from '../../shared-run.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import { connectAlone, endQuickly } from './single-connection.ts'

interface Subscription {
  channel: string
  onNotification: (payload: string) => void
  onReconnect: () => void
}

/**
 * One connection that receives notifications. It is replaced whenever it is lost or too old.
 *
 * @param onLost called with the error that ended the connection or prevented a new one
 */
export function createListeningConnection(
  connectionString: string,
  limits: ConnectionLimits,
  onLost: (error: unknown) => void,
) {
  const subscriptions = new Set<Subscription>()
  let client: pg.Client | undefined
  let openedAt = 0
  let connecting: Promise<void> | undefined
  let ended = false

  /** Each connection runs one statement at a time. */
  const turns = new WeakMap<pg.Client, InTurn>()
  const ask = (target: pg.Client, text: string) => turns.get(target)!(() => target.query(text))
  const listenOn = (target: pg.Client, channel: string) =>
    ask(target, `listen ${pg.escapeIdentifier(channel)}`)

  const connect = async () => {
    const next = await connectAlone(connectionString, limits, limits.silenceMs)
    turns.set(next, createInTurn())
    next.on('notification', ({ channel, payload = '' }) => {
      for (const one of subscriptions) if (one.channel === channel) one.onNotification(payload)
    })
    try {
      for (const channel of new Set([...subscriptions].map((one) => one.channel)))
        await listenOn(next, channel)
    } catch (error) {
      endQuickly(next)
      throw error
    }
    if (client) endQuickly(client)
    client = next
    openedAt = performance.now()
    next.once('end', () => {
      if (client !== next) return
      client = undefined
      onLost(new Error('the connection that listens ended'))
      setTimeout(look, limits.relistenMs).unref()
    })
    if (ended) endQuickly(next)
  }
  const connectOnce = () => {
    connecting ??= connect().finally(() => {
      connecting = undefined
    })
    return connecting
  }

  const check = async () => {
    if (ended || subscriptions.size === 0) return
    if (client && performance.now() - openedAt < limits.maxAgeMs) {
      const target = client
      try {
        await ask(target, 'select')
        return
      } catch (error) {
        if (client === target) client = undefined
        endQuickly(target)
        onLost(error)
      }
    }
    await connectOnce()
    for (const one of subscriptions) one.onReconnect()
  }
  const look = sharedRun(() => check().catch(onLost))
  const timer = setInterval(look, limits.listenCheckMs).unref()

  return {
    /**
     * @param onNotification called with the payload of each notification on the channel
     * @param onReconnect called each time listening starts or resumes: notifications may have been lost before
     * @returns a handle that ends the subscription
     * @throws when the first LISTEN fails
     */
    async listen(
      channel: string,
      onNotification: (payload: string) => void,
      onReconnect: () => void,
    ): Promise<{ close(): Promise<void> }> {
      const subscription = { channel, onNotification, onReconnect }
      subscriptions.add(subscription)
      try {
        await connecting
        if (client) await listenOn(client, channel)
        else await connectOnce()
      } catch (error) {
        subscriptions.delete(subscription)
        throw error
      }
      onReconnect()
      return { close: async () => void subscriptions.delete(subscription) }
    },
    /** Checks the connection now, for example after an outage, and replaces it if it is lost. */
    look,
    end() {
      ended = true
      clearInterval(timer)
      if (client) endQuickly(client)
    },
  }
}
