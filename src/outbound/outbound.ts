/** Why an exchange got no answer, in one word; `AttemptError` adds the answers that are failures. */
export type ExchangeError = 'timeout' | 'dns' | 'connect' | 'tls' | 'refused_address' | 'aborted' | 'protocol'

/** A request to an address that a user named. */
export interface OutboundRequest {
  url: URL
  method: 'POST'
  headers: Record<string, string>
  body: Uint8Array | string
  /** For the whole exchange: name look-up, connect, TLS, headers and body. */
  timeoutMs: number
  /** Bytes of the answer's body to keep. What little is beyond is read and dropped, after that it is broken off. */
  maxAnswerBytes: number
  /** The PEM certificates trusted for this request, instead of those that the service trusts. */
  ca?: string | undefined
  signal?: AbortSignal
}

/** What came back. `headers` has lower-case names; `body` is at most `maxAnswerBytes` long, never decompressed. */
export interface OutboundAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

/** `reason` is one of a fixed set of texts (`exchange-error.ts`), which name no address. */
export type OutboundResult =
  | { ok: true; answer: OutboundAnswer }
  | { ok: false; error: ExchangeError; reason: string }

/** The one way out of the service: guarded, with a deadline and a byte cap, following no redirect. */
export interface Outbound {
  /** Never rejects: every failure is a result. */
  exchange(request: OutboundRequest): Promise<OutboundResult>
  close(): Promise<void>
}
