import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { ApiError, refusals } from '../platform/errors.ts'
import type { Server } from '../platform/http/server.ts'
import type { Json } from '../platform/openapi/components.ts'
import { callTool, type ToolCallParts } from './call-tool.ts'
import { answerWith, idOf, type RpcAnswer, RpcError, readMessage, refuseWith } from './json-rpc.ts'
import { answerRequest, type Caller } from './methods.ts'
import { isTrustedOrigin } from './origin.ts'
import { allowsBatches, readRevision } from './revision.ts'
import { makeTools, type Tool } from './tools.ts'

/** Messages in one body. They are answered in parallel, because each may wait for a receiver. */
const maxBatch = 20

/** The parts that tools are built from and run with. */
export interface McpParts extends ToolCallParts {
  /** The API's description, once all routes are registered. */
  describe(): Json
}

/**
 * Serves the Model Context Protocol over Streamable HTTP at `/mcp`: a tool for each operation of the API. There are no
 * sessions and no streams, so every answer is JSON.
 *
 * @param server a separate scope, because its error handler answers in JSON-RPC
 */
export function registerMcpRoutes(
  server: Server,
  deps: Pick<Deps, 'config' | 'version'>,
  parts: McpParts,
): void {
  let made: Tool[] | undefined
  const tools = () => {
    made ??= makeTools(parts.describe())
    return made
  }
  server.setErrorHandler<FastifyError>((error, _, reply) => {
    if (!isUnreadable(error)) throw error
    return reply.code(400).send(refuseWith(null, new RpcError('parseError', 'The body is not valid JSON')))
  })
  const refuseMethod = async (_: FastifyRequest, reply: FastifyReply) => {
    reply.header('allow', 'POST')
    throw refusals.methodNotAllowed()
  }
  server.route({
    method: ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    url: '/mcp',
    schema: { hide: true },
    // Before the body is read, because no key was asked for.
    onRequest: refuseMethod,
    handler: refuseMethod,
  })
  server.post('/mcp', {
    schema: { hide: true },
    onRequest: async (request, reply) => {
      if (!isTrustedOrigin(request.headers.origin, deps.config.publicUrl)) throw refusals.foreignOrigin()
      await parts.admission.admit(request, reply)
    },
    handler: async (request, reply) => {
      const caller: Caller = {
        scopes: request.scopes,
        tools: tools(),
        version: deps.version,
        call: (tool, args) => callTool(parts, tool, args, request, reply),
      }
      return Array.isArray(request.body)
        ? answerBatch(request.body, request, reply, caller, parts)
        : answerOne(request, reply, caller)
    },
  })
}

async function answerOne(request: FastifyRequest, reply: FastifyReply, caller: Caller) {
  const { status, answer } = await answerMessage(request.body, request, caller)
  reply.code(status)
  return answer ?? reply.send()
}

async function answerBatch(
  messages: unknown[],
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  { admission }: McpParts,
) {
  const refuse = (message: string) =>
    reply.code(400).send(refuseWith(null, new RpcError('invalidRequest', message)))
  if (!allowsBatches(request.headers)) return refuse('Send one message in each request')
  if (messages.length === 0 || messages.length > maxBatch) return refuse(`Send 1 to ${maxBatch} messages`)
  admission.countMore(request, reply, messages.length - 1)
  const handled = await Promise.all(messages.map((message) => answerMessage(message, request, caller)))
  const answers = handled.flatMap(({ answer }) => answer ?? [])
  return answers.length > 0 ? answers : reply.code(202).send()
}

/** @returns a status without an answer for a notification */
async function answerMessage(
  body: unknown,
  { headers }: FastifyRequest,
  caller: Caller,
): Promise<{ status: number; answer?: RpcAnswer }> {
  try {
    const message = readMessage(body)
    const revision = message && readRevision(headers, message)
    if (message?.id === undefined || revision === undefined) return { status: 202 }
    return { status: 200, answer: answerWith(message.id, await answerRequest(message, revision, caller)) }
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    return { status: error.status, answer: refuseWith(idOf(body), error) }
  }
}

function isUnreadable(error: FastifyError | ApiError): boolean {
  return (error instanceof ApiError ? error.shape.status : error.statusCode) === 400
}
