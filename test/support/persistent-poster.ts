import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from './api.ts'

/** A backend that posts one notification after the other and repeats each until it is accepted. */
export interface PersistentPoster {
  /** @returns the ids of what was accepted; the one under way included */
  stop(): Promise<string[]>
}

const pauseMs = 50
/** A process that stands still answers nothing; the next one is asked. */
const patienceMs = 1_000

/** @param api of the process to ask, at a time or after a failure */
export function startPersistentPoster(
  api: (tries: number) => Api,
  path: string,
  body: object,
): PersistentPoster {
  const accepted: string[] = []
  let stopping = false
  let tries = 0
  const post = async (idempotencyKey: string): Promise<string> => {
    for (; ; tries++) {
      const headers = { 'content-type': 'application/json', 'idempotency-key': idempotencyKey }
      const signal = AbortSignal.timeout(patienceMs)
      const request = { method: 'POST', body: JSON.stringify(body), headers, signal }
      const answer = await api(tries)
        .send(path, request)
        .catch(() => undefined)
      if (answer && answer.status < 300) return answer.body.data.id
      if (answer && answer.status < 500 && answer.status !== 409) {
        throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body)}`)
      }
      await sleep(pauseMs)
    }
  }
  const posting = (async () => {
    while (!stopping) {
      accepted.push(await post(`post-${accepted.length}`))
      await sleep(pauseMs)
    }
  })()
  return {
    async stop() {
      stopping = true
      await posting
      return accepted
    },
  }
}
