/** Why an exchange got no answer, in one word. `AttemptError` adds the answers that count as failures. */
export type ExchangeError = 'timeout' | 'dns' | 'connect' | 'tls' | 'refused_address' | 'aborted' | 'protocol'

/** A POST to a user-supplied URL. */
export interface OutboundRequest {
  url: URL
  headers: Record<string, string>
  body: Uint8Array | string
  /**
   * Deadline for the whole exchange: name look-up, connect, TLS, headers and body. Before it begins, the exchange may wait
   * as long for others to leave it a place on a connection.
   */
  timeoutMs: number
  /** Bytes of the answer's body to keep. A short remainder is read and dropped; a longer one is aborted. */
  maxAnswerBytes: number
  /** PEM certificates trusted for this request, instead of the certificates that the service trusts. */
  ca?: string | undefined
  signal?: AbortSignal
}

/** An answer. `headers` has lower-case names; `body` is at most `maxAnswerBytes` long and never decompressed. */
export interface OutboundAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

/** `reason` is one of a fixed set of texts (`exchange-error.ts`), none of which contains an address. */
export type OutboundResult = (
  | { ok: true; answer: OutboundAnswer }
  | { ok: false; error: ExchangeError; reason: string }
) & {
  /** How long the exchange waited for others before its deadline began; absent: it did not. */
  waitedMs?: number
}

/** The only outbound client of the service: guarded, with a deadline and a byte cap, without following redirects. */
export interface Outbound {
  /** Never rejects: every failure is a result. */
  exchange(request: OutboundRequest): Promise<OutboundResult>
  close(): Promise<void>
}
