import type { NotificationStats } from '../../packages/client/index.ts'
import { withDeadline } from '../platform/deadline.ts'
import { openStage, type Stage } from './stage.ts'

/** Reports the progress of each part of the demo. */
export interface Progress {
  /** Begins a part with `total` steps, after the previous part has ended. */
  begin(name: string, total: number): void
  update(done: number): void
  end(): void
}

export interface DemoOptions {
  subscribers: number
  /** Holds the embedded database; the caller removes it. */
  folder: string
  progress: Progress
}

/** The demo's results. */
export interface DemoResult {
  subscribers: number
  /** From the first registration to the last. */
  registrationMs: number
  /** From the notification's creation to its completion. */
  sendingMs: number
  /** From the notification's completion to the webhook's arrival. */
  webhookMs: number
  sentCount: number
  failedCount: number
  /** Failed checks, one sentence each; empty when all passed. */
  problems: string[]
}

/** One minute for the delivery and its retries, plus 10 ms per subscriber for pushing on a slow machine. */
const deadlineMs = (subscribers: number) => 60_000 + subscribers * 10

/**
 * Runs a complete round on this machine over the documented HTTP API: an app, a webhook, subscribers, a notification,
 * a push to each subscriber, a verified webhook.
 *
 * @throws when a call is refused or no webhook arrives in time
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { progress } = options
  const stage = await openStage(options.folder, (taken) => progress.update(taken))
  try {
    return await playRound(stage, options)
  } finally {
    progress.end()
    await stage.close()
  }
}

async function playRound(stage: Stage, { subscribers, progress }: DemoOptions): Promise<DemoResult> {
  const { krafter, receiver, pushService } = stage
  const app = await krafter.apps.create({ name: 'Demo' })
  await krafter.webhooks.create(app.id, {
    url: receiver.url,
    secret: stage.secret,
    events: ['notification.sent'],
  })

  progress.begin('registering', subscribers)
  const registrationStart = performance.now()
  await registerAll(subscribers, progress, () =>
    krafter.subscribers.register(app.id, pushService.subscribe(app.vapid_public_key)),
  )
  const registrationMs = performance.now() - registrationStart

  progress.begin('pushing', subscribers)
  const notification = await krafter.notifications.create(app.id, {
    title: 'Hello from the demo',
    body: `One of ${subscribers}, encrypted for you alone`,
  })
  const createdAt = Date.now()
  const event = await withDeadline(receiver.received, deadlineMs(subscribers), 'webhook')
  const completedAt = await withDeadline(stage.completedAt, deadlineMs(subscribers), 'completion')
  const { stats } = await krafter.notifications.read(app.id, notification.id)
  const problems = [
    ...event.problems.map((problem) => `the webhook did not verify: ${problem}`),
    ...countProblems(subscribers, pushService, stats),
  ]
  if (event.data?.notification_id !== notification.id || event.data.sent_count !== stats.sent_count) {
    problems.push('the webhook tells of another notification or other counts than the API')
  }
  return {
    subscribers,
    registrationMs,
    sendingMs: completedAt - createdAt,
    // The delivery may start before the log line is written.
    webhookMs: Math.max(0, event.receivedAt - completedAt),
    sentCount: stats.sent_count,
    failedCount: stats.failed_count,
    problems,
  }
}

const registrationsAtATime = 32

async function registerAll(
  count: number,
  progress: Progress,
  register: () => Promise<unknown>,
): Promise<void> {
  let begun = 0
  let done = 0
  const lane = async () => {
    while (begun < count) {
      begun += 1
      await register()
      progress.update(++done)
    }
  }
  await Promise.all(Array.from({ length: registrationsAtATime }, lane))
}

function countProblems(
  subscribers: number,
  { reached, refused }: Stage['pushService'],
  stats: NotificationStats,
): string[] {
  const problems: string[] = []
  if (refused.count > 0) {
    problems.push(`the push service refused ${refused.count} pushes, the first because ${refused.reason}`)
  }
  // Counts devices, not pushes: on a busy machine a late answer makes the service push again (at least once).
  if (reached !== subscribers) {
    problems.push(`${subscribers} devices were to get a push, ${reached} got one`)
  }
  if (stats.sent_count !== subscribers || stats.failed_count !== 0) {
    problems.push(`of ${subscribers} pushes, ${stats.sent_count} count as sent`)
  }
  return problems
}
