import type { Outcome } from '../channels/outcome.ts'

/** What a batch shows about the VAPID key pairs that subscriptions were created with. */
export interface KeyFindings {
  /** Subscribers whose key was refused; `acceptedAt`: when that service last accepted the same pair from another. */
  refused: { subscriberId: string; acceptedAt: Date }[]
  /** Subscribers that had been refused before and were reached now. */
  reached: string[]
}

/**
 * A refused key counts against a subscriber only if the same push service accepts the same key pair for others. A pair
 * that it accepts for nobody is the app's fault (a wrong key, a wrong clock, a contact that is refused).
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
