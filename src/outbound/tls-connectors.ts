import type { LookupFunction } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { buildConnector } from 'undici'
import { getOrInsert } from '../platform/get-or-insert.ts'
import { remember } from '../platform/remember.ts'

/** Certificate authorities of webhooks whose connectors are cached. */
const maxAuthorities = 1_000

type ConnectorFor = (ca: string | undefined) => buildConnector.connector

/**
 * Opens TLS connections: one connector for each certificate authority, because a connector resumes TLS sessions, which
 * skips the certificate check. Creating one takes 0.2 ms without the public roots and 15 ms with them.
 *
 * @returns a function from PEM certificates, trusted instead of all others, to their connector; without them, to that
 *   of the service, which trusts `serviceCa` besides the default roots
 */
export function createConnectors(
  serviceCa: string | undefined,
  options: { lookup: LookupFunction; timeout: number },
): ConnectorFor {
  const make = (secureContext: SecureContext) =>
    buildConnector({ ...options, secureContext, autoSelectFamily: true, allowH2: true, preferH2: true })
  const own = make(secureContextOf(serviceCa))
  const connectors = new Map<string, buildConnector.connector>()
  return (ca) => {
    if (ca === undefined) return own
    const connector = connectors.get(ca) ?? make(createSecureContext({ ca, allowPartialTrustChain: true }))
    remember(connectors, ca, connector, maxAuthorities)
    return connector
  }
}

/** Cached by authority for all connections: parsing about 150 roots takes 15 ms. */
const secureContexts = new Map<string | undefined, SecureContext>()

function secureContextOf(ca: string | undefined): SecureContext {
  return getOrInsert(secureContexts, ca, () =>
    createSecureContext(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
  )
}
