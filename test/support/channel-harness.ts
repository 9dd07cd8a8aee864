import type { Channel, ChannelApp, SubscriberRow } from '../../src/channels/channel.ts'

/** What a push service does with a push, whatever the platform's words for it. */
export type Reply =
  | { means: 'accepted' | 'gone' | 'refused' | 'failing' | 'silent' }
  | { means: 'throttled'; afterSeconds: number }

/** A channel with push services of its platform, for `src/channels/conformance.test.ts`. */
export interface ChannelHarness {
  channel: Channel
  clock: { time: number }
  /** An app that may send. */
  makeApp(id: string): ChannelApp
  /** Devices of the app at a push service; one of another name shares nothing with it. */
  makeRows(app: ChannelApp, count: number, service?: string): Promise<SubscriberRow[]>
  /** Rows that nothing can be sent to. */
  makeUnusableRows(): SubscriberRow[]
  /** What a push is answered with: by default it is accepted. */
  reply: (row: SubscriberRow) => Reply
  /** Ids of the rows whose pushes have arrived, in their order. */
  received: string[]
  /** For how many seconds the push service may keep each of them. */
  keptFor: number[]
  stop(): Promise<void>
}

/** @param timeoutMs the channel gives up a push that is not answered for so long, and a push service after half of it */
export type StartHarness = (timeoutMs: number) => Promise<ChannelHarness>
