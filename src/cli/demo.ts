import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DemoResult, runDemo } from '../demo/run-demo.ts'
import { createProgress } from './progress.ts'

/** What a shell reports for a process that Ctrl-C ended. */
const interruptedCode = 130

/**
 * `krafter-push demo`: runs a complete round on this machine, in a temporary folder that is always removed at exit.
 *
 * @throws Error in one sentence when a check fails
 */
export async function demo({ subscribers, json }: { subscribers: number; json?: boolean }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-demo-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      // Nothing in flight is worth waiting for: all data is in the folder.
      console.log('\nInterrupted; everything is cleaned up.')
      process.exit(interruptedCode)
    })
  }
  // With --json, stdout contains only the result.
  const say = json ? console.error : console.log
  say(`Starting a service, a push service and a webhook receiver on this machine, in ${folder}\n`)
  const progress = createProgress(json ? process.stderr : process.stdout)
  const result = await runDemo({ subscribers, folder, progress })
  console.log(json ? JSON.stringify(result) : `\n${describe(result)}`)
  if (result.problems.length > 0) throw new Error(result.problems.join('; '))
  // The work is done: exit although lingering sockets may still hold the event loop.
  process.exit(0)
}

function describe(result: DemoResult): string {
  const { subscribers, registrationMs, sendingMs, webhookMs, sentCount, failedCount, problems } = result
  return [
    ['subscribers registered', whole(subscribers), perSecond(subscribers, registrationMs)],
    ['pushes sent', whole(sentCount), `${perSecond(sentCount, sendingMs)}, from created to sent`],
    ['pushes failed', whole(failedCount), ''],
    ['webhook received', `${whole(webhookMs)} ms`, 'after the notification was sent'],
    [
      'verified',
      problems.length === 0 ? 'yes' : 'no',
      'every VAPID token, both webhook signatures, all counts',
    ],
  ]
    .map(([name, value, remark]) => `${name!.padEnd(24)}${value!.padStart(8)}   ${remark}`.trimEnd())
    .join('\n')
}

function perSecond(count: number, ms: number): string {
  return `${whole((count / Math.max(1, ms)) * 1_000)}/s`
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
