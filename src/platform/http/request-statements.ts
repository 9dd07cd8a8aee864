import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type StatementContext, statementContext } from '../db/statement-context.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller and the timeout of the request's statements. */
    statements: StatementContext
  }
}

/**
 * Sets a timeout for the statements of every request, and limits those of a team to its share of the connections.
 *
 * @param timeoutMs for each statement
 */
export function limitRequestStatements(server: FastifyInstance, timeoutMs: number): void {
  server.decorateRequest('statements')
  server.addHook('onRequest', (request, _, done) => {
    request.statements = { timeoutMs }
    statementContext.run(request.statements, done)
  })
  // Reading the body loses the asynchronous context, so the context is entered again here.
  server.addHook('preValidation', (request, _, done) => statementContext.run(request.statements, done))
}

/** Counts the request's later statements towards the team's share of the connections. */
export function attributeStatements(request: FastifyRequest, teamId: string): void {
  request.statements.caller = teamId
}
