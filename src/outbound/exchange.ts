import { type Dispatcher, errors } from 'undici'
import type { Connection, Waiter } from './connection.ts'
import type { ConnectionPool } from './connection-pool.ts'
import type { Destination } from './destination.ts'
import { classifyError, type ExchangeFailure, failures, isConnectionLost } from './exchange-error.ts'
import type { OutboundAnswer, OutboundRequest, OutboundResult } from './outbound.ts'
import type { OutboundLimits } from './outbound-limits.ts'

interface ExchangeParts {
  request: OutboundRequest
  destination: Destination
  pool: ConnectionPool
  limits: OutboundLimits
  resolve(result: OutboundResult): void
}

/**
 * One exchange, from its wait for a connection to its result. The exchange may outlive its result and keep its place on
 * the connection: undici aborts a queued request only when it starts that request, and a short remainder of an answer
 * beyond the cap is read to its end.
 */
export class Exchange implements Waiter, Dispatcher.DispatchHandler {
  readonly #parts: ExchangeParts
  /** When the deadline began. */
  #startedAt = performance.now()
  #waitedMs = 0
  readonly #chunks: Buffer[] = []
  /** Bytes of the answer's body received so far, and announced by Content-Length. */
  #size = 0
  #declaredSize = 0
  #timer: NodeJS.Timeout | undefined
  #controller: Dispatcher.DispatchController | undefined
  #connection: Connection | undefined
  #answer: OutboundAnswer | undefined
  #reusable = true
  #settled = false
  #released = false
  /** Whether any part of an answer has arrived. */
  #heard = false
  /** Whether the connection had been idle or had brought answers before this exchange. */
  #onUsedConnection = false
  openedAfter: number | undefined

  constructor(parts: ExchangeParts) {
    this.#parts = parts
  }

  begin(): void {
    const { signal, timeoutMs } = this.#parts.request
    if (signal?.aborted) {
      this.#settle(stopped)
      return
    }
    this.#timer = setTimeout(() => this.#timeOut(), timeoutMs)
    signal?.addEventListener('abort', this.#onAbort)
    this.#parts.pool.enter(this.#parts.destination, this)
  }

  start(connection: Connection): void {
    this.#connection = connection
    this.#onUsedConnection = connection.hasIdled || connection.lastAnswerAt > 0
    connection.head?.begin()
    const { url, headers, body } = this.#parts.request
    try {
      connection.client.dispatch(
        {
          path: url.pathname + url.search,
          method: 'POST',
          // Answers are not decompressed.
          headers: { 'accept-encoding': 'identity', ...headers },
          body,
          // The deadline of the exchange covers everything.
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        this,
      )
    } catch (error) {
      // Nothing was sent: undici refused a header, or the connection has just closed.
      this.fail(error as Error)
      this.#release(connection.multiplexed)
    }
  }

  fail(error: Error): void {
    this.#settle(failed(classifyError(error)))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#settled) this.#breakOff(controller)
    else this.#forgetWait()
  }

  /** Begins the deadline again after a wait for other exchanges. Opening a connection counts. */
  #forgetWait(): void {
    const { dialledAt, hasIdled, lastAnswerAt } = this.#connection!
    const now = performance.now()
    const beganAt = hasIdled || lastAnswerAt > 0 ? now : dialledAt
    const waitedMs = beganAt - this.#startedAt
    if (waitedMs < shortWaitMs || this.openedAfter !== undefined) return
    this.#waitedMs = waitedMs
    this.#startedAt = beganAt
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#timeOut(), this.#parts.request.timeoutMs - (now - beganAt))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: OutboundAnswer['headers'],
  ): void {
    this.#heard = true
    if (status < 200) {
      return
    }
    const connection = this.#connection!
    connection.lastAnswerAt = performance.now()
    if (!connection.multiplexed && String(headers.connection).toLowerCase().includes('close')) {
      this.#reusable = false
    }
    const declared = headers['content-length']
    this.#declaredSize = typeof declared === 'string' ? Number(declared) : 0
    this.#answer = { status, headers, body: Buffer.alloc(0) }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { maxAnswerBytes } = this.#parts.request
    const room = maxAnswerBytes - this.#size
    if (room > 0) this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk)
    this.#size += chunk.length
    if (this.#size < maxAnswerBytes) return
    if (!this.#settled) {
      this.#succeed()
      this.#timer = setTimeout(() => this.#breakOff(controller), this.#parts.limits.dropTimeoutMs)
    }
    if (Math.max(this.#size, this.#declaredSize) > maxAnswerBytes + this.#parts.limits.droppedBytes) {
      this.#breakOff(controller)
    }
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer)
    this.#succeed()
    this.#release(this.#reusable && !this.#parts.destination.alone)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const { socketError, multiplexed } = this.#connection!
    // Once settled, the exchange was broken off by this client.
    const isLost = !this.#settled && isConnectionLost(error)
    // undici fails the exchanges of a lost connection before it reports the loss. Nothing may start there in between.
    if (isLost) this.#parts.pool.retire(this.#connection!)
    if (isLost && this.#mayTryAgain()) {
      this.#tryAgain()
      return
    }
    clearTimeout(this.#timer)
    // In TLS 1.3, a server reports a missing client certificate only after the handshake is over for the client.
    this.fail(socketError && isLost ? socketError : error)
    // A failure makes an HTTP/1.1 connection unusable, but not an HTTP/2 one.
    this.#release(multiplexed && !isLost && !this.#parts.destination.alone)
  }

  /** A peer may close an idle connection just when a request is sent on it (RFC 9112 §9.3.1). */
  #mayTryAgain(): boolean {
    const heard = this.#heard || (this.#connection!.head?.receivedBytes ?? 0) > 0
    const isFirstTry = this.openedAfter === undefined
    return !heard && isFirstTry && this.#onUsedConnection
  }

  /** Repeats the request on a newly opened connection, within the same deadline. */
  #tryAgain(): void {
    this.#release(false)
    this.#connection = undefined
    this.#controller = undefined
    this.#released = false
    this.openedAfter = performance.now()
    this.#parts.pool.enter(this.#parts.destination, this)
  }

  #breakOff(controller: Dispatcher.DispatchController): void {
    this.#parts.pool.noteBrokenOff(this.#connection!)
    controller.abort(new errors.RequestAbortedError())
  }

  #onAbort = (): void => this.#giveUp(stopped)

  #timeOut(): void {
    const connection = this.#connection
    // The connection has brought no answer since this exchange began. It may be dead: new exchanges should not use it.
    if (connection?.multiplexed && connection.lastAnswerAt < this.#startedAt) {
      this.#parts.pool.retire(connection)
    }
    this.#giveUp(failed(connection ? failures.noAnswerInTime : failures.noConnectionInTime))
  }

  #giveUp(result: OutboundResult): void {
    if (!this.#connection) {
      this.#parts.pool.leave(this.#parts.destination, this)
    }
    this.#settle(result)
    if (this.#controller) this.#breakOff(this.#controller)
  }

  #succeed(): void {
    if (this.#answer && !this.#settled) {
      this.#answer.body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
      this.#settle({ ok: true, answer: this.#answer })
    }
  }

  #settle(result: OutboundResult): void {
    if (this.#settled) {
      return
    }
    this.#settled = true
    clearTimeout(this.#timer)
    this.#parts.request.signal?.removeEventListener('abort', this.#onAbort)
    this.#parts.resolve(this.#waitedMs > 0 ? { ...result, waitedMs: this.#waitedMs } : result)
  }

  #release(reusable: boolean): void {
    if (!this.#released && this.#connection) {
      this.#released = true
      this.#parts.pool.release(this.#connection, reusable)
    }
  }
}

/** A shorter wait is not worth another timer. */
const shortWaitMs = 20

const stopped = failed(failures.stopped)

/** The result of an exchange without an answer. */
export function failed({ error, reason }: ExchangeFailure): OutboundResult {
  return { ok: false, error, reason }
}
