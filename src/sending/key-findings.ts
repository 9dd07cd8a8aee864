import type { Outcome } from '../channels/outcome.ts'

/** What a batch says about the VAPID key pairs that subscriptions were made with. */
export interface KeyFindings {
  /** Subscribers whose push was refused for its key; `acceptedAt`: when that service last took the same from another. */
  refused: { subscriberId: string; acceptedAt: Date }[]
  /** Subscribers that had been refused before and were reached now. */
  reached: string[]
}

/**
 * A refused key counts against a subscriber only where the same push service takes the same key pair from others: what
 * it takes from nobody is the app's fault (a wrong key, a wrong clock, a contact that is refused).
 */
export function keyFindings(
  outcomes: readonly { subscriberId: string; keyRefusals: number; outcome: Outcome }[],
): KeyFindings {
  const findings: KeyFindings = { refused: [], reached: [] }
  for (const { subscriberId, keyRefusals, outcome } of outcomes) {
    const acceptedAt = outcome.kind === 'rejected' ? outcome.keyRefusal?.acceptedAt : undefined
    if (acceptedAt) findings.refused.push({ subscriberId, acceptedAt })
    if (outcome.kind === 'sent' && keyRefusals > 0) findings.reached.push(subscriberId)
  }
  return findings
}
