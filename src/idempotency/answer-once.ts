import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { joinTransaction } from '../platform/db/join-transaction.ts'
import { refusals } from '../platform/errors.ts'
import { findAnswer, type KeptAnswer, keepAnswer, takeKey } from './idempotency-store.ts'
import { fingerprint } from './request-fingerprint.ts'

type OnceDeps = Pick<Deps, 'db' | 'clock' | 'crypto'>

/** The answer of a POST that succeeded: `{"data": …}`. */
export interface Success {
  status: number
  data: unknown
}

const maxKeyLength = 255

/**
 * Answers a POST, once for each `Idempotency-Key`. A request repeated within 24 hours gets the first answer again and
 * changes nothing. A refused request leaves its key unused. Every POST that takes an API key answers through this.
 *
 * @param change runs in the transaction that stores the answer, so all its writes must use the given deps
 * @throws 422 when the key was used for another request
 */
export function answerOnce<D extends OnceDeps>(
  deps: D,
  request: FastifyRequest,
  reply: FastifyReply,
  change: (deps: D) => Promise<Success>,
): Promise<FastifyReply> {
  return answerOnceAfter(async () => {}, deps, request, reply, change)
}

/** Like {@link answerOnce}, after work that may wait for the network, which the transaction must not. */
export async function answerOnceAfter<D extends OnceDeps, Prepared>(
  prepare: () => Promise<Prepared>,
  deps: D,
  request: FastifyRequest,
  reply: FastifyReply,
  change: (deps: D, prepared: Prepared) => Promise<Success>,
): Promise<FastifyReply> {
  const key = readKey(request)
  // The keys of a request that creates an app belong to the team.
  const scopeId = request.app?.id ?? request.teamId
  const { status, data } =
    key === undefined
      ? await change(deps, await prepare())
      : await once(deps, request, { scopeId, key }, prepare, change)
  return reply.code(status).send({ data })
}

async function once<D extends OnceDeps, Prepared>(
  deps: D,
  request: FastifyRequest,
  key: { scopeId: string; key: string },
  prepare: () => Promise<Prepared>,
  change: (deps: D, prepared: Prepared) => Promise<Success>,
): Promise<Success> {
  const { crypto, clock } = deps
  const { params, body } = request
  const asked = { route: request.routeOptions.url ?? '', params, body }
  const prints = crypto.deriveKeys(purpose).map((secret) => fingerprint(secret, asked))
  const context = `idempotent-answer:${key.scopeId}:${key.key}`
  const repeat = (kept: KeptAnswer): Success => {
    if (!kept.answer || !prints.some((print) => print.equals(kept.fingerprint))) {
      throw refusals.invalid({ 'Idempotency-Key': ['was used for another request'] })
    }
    return { status: kept.status!, data: JSON.parse(crypto.decrypt(kept.answer, context).toString()) }
  }
  const before = await findAnswer(deps.db, key, clock.now())
  if (before) return repeat(before)
  const prepared = await prepare()
  return deps.db.transaction().execute(async (trx) => {
    const meanwhile = await takeKey(trx, key, prints[0]!, clock.now())
    if (meanwhile) return repeat(meanwhile)
    const success = await change({ ...deps, db: joinTransaction(trx) }, prepared)
    await keepAnswer(trx, key, success.status, crypto.encrypt(JSON.stringify(success.data), context))
    return success
  })
}

/** The purpose for which the fingerprint keys are derived. */
const purpose = 'idempotency'

function readKey({ headers }: FastifyRequest): string | undefined {
  const header = headers['idempotency-key']
  if (header === undefined) return undefined
  if (typeof header !== 'string' || header === '' || header.length > maxKeyLength) {
    throw refusals.invalid({ 'Idempotency-Key': [`must be 1 to ${maxKeyLength} characters`] })
  }
  return header
}
