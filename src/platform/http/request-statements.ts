import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type StatementContext, statementContext } from '../db/statement-context.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** On whose behalf the request's statements are made. */
    statements: StatementContext
  }
}

/**
 * Gives the statements of every request their deadline, and those of a team its share of the connections.
 *
 * @param timeoutMs for each statement
 */
export function limitRequestStatements(server: FastifyInstance, timeoutMs: number): void {
  server.decorateRequest('statements')
  server.addHook('onRequest', (request, _, done) => {
    request.statements = { timeoutMs }
    statementContext.run(request.statements, done)
  })
  // A body is read in between, which goes on outside of the context in which it was waited for.
  server.addHook('preValidation', (request, _, done) => statementContext.run(request.statements, done))
}

/** From here on the request's statements are those of a team. */
export function attributeStatements(request: FastifyRequest, teamId: string): void {
  request.statements.caller = teamId
}
