import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ChannelHarness, Reply, StartHarness } from '../../test/support/channel-harness.ts'
import { startWebPushHarness } from '../../test/support/web-push-harness.ts'
import { newId } from '../platform/ids.ts'
import type { ChannelApp, SubscriberRow } from './channel.ts'
import type { Message } from './message.ts'
import type { Outcome } from './outcome.ts'
import { sendToRows } from './send-to-rows.ts'

/** A busy machine takes seconds to answer. */
const patientMs = 60_000

/** Every channel of the registry has a line here. */
const harnesses: [string, StartHarness][] = [['web', startWebPushHarness]]

describe.each(harnesses)('the channel for %s', (_, start) => {
  let harness: ChannelHarness
  let app: ChannelApp
  beforeEach(async () => {
    harness = await start(patientMs)
    app = harness.makeApp(newId())
  })
  afterEach(() => harness.stop())

  const makeMessage = (from: ChannelApp, content: Message['content'] = {}): Message => ({
    id: newId(),
    appId: from.id,
    title: 'Hello',
    content,
    appSettings: {},
    startedAt: new Date(harness.clock.time),
  })
  const send = (
    rows: readonly SubscriberRow[],
    { from = app, signal = new AbortController().signal, mayStart = (): boolean => true, content = {} } = {},
  ) => sendToRows(harness.channel, from, makeMessage(from, content), rows, signal, mayStart)
  const kinds = (outcomes: readonly Outcome[]) => outcomes.map(({ kind }) => kind)
  const count = (outcomes: readonly Outcome[], kind: Outcome['kind']) =>
    outcomes.filter((outcome) => outcome.kind === kind).length

  test('gives an outcome to each, in their order, and fails nobody for another', async () => {
    const rows = await harness.makeRows(app, 6)
    const replies = new Map<string, Reply>([
      [rows[0]!.id, { means: 'gone' }],
      [rows[2]!.id, { means: 'refused' }],
      [rows[4]!.id, { means: 'failing' }],
    ])
    harness.reply = ({ id }) => replies.get(id) ?? { means: 'accepted' }
    const unusable = harness.makeUnusableRows()
    const mixed = [unusable[0]!, ...rows, ...unusable.slice(1)]
    const outcomes = await send(mixed)
    expect(kinds(outcomes)).toEqual([
      'rejected',
      ...['gone', 'sent', 'rejected', 'sent', 'retry', 'sent'],
      ...unusable.slice(1).map(() => 'rejected'),
    ])
    for (const outcome of outcomes.slice(1, 7)) expect(outcome.status).toBeGreaterThanOrEqual(200)
    for (const outcome of outcomes.slice(7)) expect(outcome.status).toBeNull()
    expect(harness.received.toSorted()).toEqual(rows.map(({ id }) => id).toSorted())
  })

  test('sends to nobody', async () => {
    expect(await send([])).toEqual([])
  })

  test('rejects what its credential cannot be read for, and says why', async () => {
    const [number] = app.credentials.keys()
    const readSecret = (): never => {
      throw new Error('encrypted with another key')
    }
    const from = { id: app.id, credentials: new Map([[number!, { publicPart: '', readSecret }]]) }
    expect(await send(await harness.makeRows(app, 2), { from })).toMatchObject(
      Array(2).fill({ kind: 'rejected', status: null, error: 'encrypted with another key' }),
    )
  })

  test('names the field that makes a payload too long, and rejects such a payload', async () => {
    expect(harness.channel.findOversize(makeMessage(app, { body: 'Short' }))).toBeUndefined()
    const content = { body: 'x'.repeat(8_192) }
    expect(harness.channel.findOversize(makeMessage(app, content))).toMatchObject({ field: 'body' })
    const rows = await harness.makeRows(app, 2)
    const sent = sendToRows(
      harness.channel,
      app,
      makeMessage(app, content),
      rows,
      new AbortController().signal,
    )
    expect(await sent).toMatchObject(Array(2).fill({ kind: 'rejected', reason: 'too_large' }))
    expect(harness.received).toEqual([])
  })

  test('waits as long as it is asked to, for the app that is asked and at that push service', async () => {
    harness.reply = () => ({ means: 'throttled', afterSeconds: 90 })
    expect(await send(await harness.makeRows(app, 1))).toMatchObject([{ kind: 'retry', afterSeconds: 90 }])
    harness.reply = () => ({ means: 'accepted' })
    harness.clock.time += 30_000
    expect(await send(await harness.makeRows(app, 2))).toMatchObject(
      Array(2).fill({ kind: 'deferred', afterSeconds: 60 }),
    )
    expect(kinds(await send(await harness.makeRows(app, 2, 'other')))).toEqual(['sent', 'sent'])
    const from = harness.makeApp(newId())
    expect(kinds(await send(await harness.makeRows(from, 2), { from }))).toEqual(['sent', 'sent'])
    harness.clock.time += 60_000
    expect(kinds(await send(await harness.makeRows(app, 2)))).toEqual(['sent', 'sent'])
  })

  test('does not try the whole audience when it is asked to wait for no time at all', async () => {
    harness.reply = () => ({ means: 'throttled', afterSeconds: 0 })
    const rows = await harness.makeRows(app, 300)
    const first = await send(rows)
    expect(count(first, 'retry')).toBeLessThan(150)
    expect(count(first, 'deferred')).toBe(300 - count(first, 'retry'))
    for (const outcome of first) expect(outcome).not.toMatchObject({ kind: 'retry', afterSeconds: 0 })
    expect(count(await send(rows), 'deferred')).toBe(300)
  })

  test('tells the push service how much of the time to live is left when each push is sent', async () => {
    harness.reply = () => {
      harness.clock.time += 100
      return { means: 'accepted' }
    }
    const content = { platform_overrides: { web: { ttl: 60 } } }
    expect(count(await send(await harness.makeRows(app, 500), { content }), 'sent')).toBe(500)
    const { keptFor } = harness
    expect(keptFor[0]).toBe(60)
    // Those under way together were sent at about the same time.
    expect(keptFor.at(-1)).toBeLessThan(40)
    expect(Math.min(...keptFor)).toBeGreaterThanOrEqual(10)
  })

  test('gives up what is not answered, keeps little under way there and holds up nobody else', async () => {
    await harness.stop()
    harness = await start(2_000)
    const silent = await harness.makeRows(app, 300)
    const others = await harness.makeRows(app, 100, 'other')
    const ids = new Set(silent.map(({ id }) => id))
    harness.reply = ({ id }) => ({ means: ids.has(id) ? 'silent' : 'accepted' })
    const outcomes = await send([...silent, ...others])
    expect(count(outcomes.slice(300), 'sent')).toBe(100)
    const attempted = outcomes.slice(0, 300).filter(({ kind }) => kind === 'retry')
    expect(attempted.length).toBeGreaterThan(0)
    expect(attempted.length).toBeLessThan(50)
    expect(attempted.every(({ status }) => status === null)).toBe(true)
    expect(count(outcomes, 'deferred')).toBe(300 - attempted.length)
  })

  test('leaves a push service alone that only fails, and tries a few when the pause is over', async () => {
    harness.reply = () => ({ means: 'failing' })
    const rows = await harness.makeRows(app, 200)
    const first = await send(rows)
    const tried = count(first, 'retry')
    expect(tried).toBeLessThan(50)
    expect(count(first, 'deferred')).toBe(200 - tried)
    const { afterSeconds } = first.find(({ kind }) => kind === 'deferred') as { afterSeconds: number }
    expect(count(await send(rows), 'deferred')).toBe(200)
    harness.clock.time += afterSeconds * 1_000
    const second = await send(rows)
    expect(count(second, 'retry')).toBeGreaterThan(0)
    expect(count(second, 'retry')).toBeLessThanOrEqual(tried)
    harness.reply = () => ({ means: 'accepted' })
    harness.clock.time += afterSeconds * 1_000
    expect(count(await send(rows), 'sent')).toBe(200)
  })

  test('begins nothing once it is aborted, and gives back what is under way', async () => {
    const controller = new AbortController()
    harness.reply = () => {
      if (harness.received.length < 5) return { means: 'accepted' }
      controller.abort()
      return { means: 'silent' }
    }
    const rows = await harness.makeRows(app, 200)
    const outcomes = await send(rows, { signal: controller.signal })
    const arrived = harness.received.length
    expect(count(outcomes, 'sent')).toBeGreaterThan(0)
    expect(count(outcomes, 'retry')).toBeGreaterThan(0)
    expect(count(outcomes, 'deferred')).toBeGreaterThan(0)
    expect(count(outcomes, 'sent') + count(outcomes, 'retry') + count(outcomes, 'deferred')).toBe(200)
    expect(count(await send(rows, { signal: controller.signal }), 'deferred')).toBe(200)
    expect(harness.received).toHaveLength(arrived)
  })

  test('begins nothing once it may not, and lets what is under way end', async () => {
    harness.reply = () => ({ means: 'accepted' })
    const rows = await harness.makeRows(app, 200)
    const outcomes = await send(rows, { mayStart: () => harness.received.length < 5 })
    expect(count(outcomes, 'sent')).toBe(harness.received.length)
    expect(count(outcomes, 'deferred')).toBe(200 - harness.received.length)
    expect(harness.received.length).toBeLessThan(200)
  })

  test('lets apps take turns at a push service', async () => {
    const other = harness.makeApp(newId())
    const crowd = await harness.makeRows(app, 1_000)
    const [single] = await harness.makeRows(other, 1)
    let outcome: Promise<Outcome[]> | undefined
    harness.reply = () => {
      // Others wait by now: no more than a few may be under way to a push service that has not answered yet.
      outcome ??= send([single!], { from: other })
      return { means: 'accepted' }
    }
    expect(count(await send(crowd), 'sent')).toBe(1_000)
    expect(kinds(await outcome!)).toEqual(['sent'])
    expect(harness.received.indexOf(single!.id)).toBeLessThan(300)
  })
})
