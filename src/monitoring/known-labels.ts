import type { Outcome } from '../channels/outcome.ts'
import type { AttemptError } from '../deliveries/attempt/classify-response.ts'
import { platforms } from '../message-content.ts'
import type { Metrics } from '../platform/metrics.ts'

const attemptOutcomes = namesOf<AttemptError | 'succeeded'>({
  succeeded: true,
  status: true,
  timeout: true,
  connect: true,
  dns: true,
  tls: true,
  protocol: true,
  refused_address: true,
  aborted: true,
})
const pushOutcomes = namesOf<Outcome['kind']>({
  sent: true,
  gone: true,
  retry: true,
  deferred: true,
  rejected: true,
})

/** Shows counters as 0 before they first count: a rate needs two samples, and an alert must not miss the first failure. */
export function showKnownLabels(
  metrics: Pick<Metrics, 'attempts' | 'pushes' | 'notifications' | 'receipts'>,
): void {
  for (const outcome of attemptOutcomes) metrics.attempts.inc({ outcome }, 0)
  for (const platform of platforms) {
    for (const outcome of pushOutcomes) metrics.pushes.inc({ platform, outcome }, 0)
  }
  for (const status of ['sent', 'failed']) metrics.notifications.inc({ status }, 0)
  for (const kind of ['delivered', 'clicked']) metrics.receipts.inc({ kind }, 0)
}

/** Every member of a union: one that is missing does not compile. */
function namesOf<Name extends string>(names: Record<Name, true>): Name[] {
  return Object.keys(names) as Name[]
}
