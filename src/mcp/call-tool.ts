import type { FastifyReply, FastifyRequest, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Admission } from '../access/admission.ts'
import { requestIdHeader } from '../platform/http/request-id.ts'
import { toRequest } from './tool-request.ts'
import { type ToolResult, toRefusal, toResult } from './tool-result.ts'
import type { Tool } from './tools.ts'

/** The parts that a tool call runs with. */
export interface ToolCallParts {
  admission: Admission
  /** Sends a request to this service, in the process. */
  inject(options: InjectOptions): Promise<LightMyRequestResponse>
}

/**
 * Runs a tool through its API route with the caller's key, so that requests and tools follow the same rules.
 *
 * @param request the admitted request that calls the tool
 * @param reply receives the route's rate limit headers
 */
export async function callTool(
  { admission, inject }: ToolCallParts,
  tool: Tool,
  args: Record<string, unknown>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<ToolResult> {
  try {
    const { headers, ...asked } = toRequest(tool.route, args)
    const { authorization } = request.headers
    const own = { authorization, [requestIdHeader]: request.id }
    const answer = await admission.onBehalf(() =>
      inject({ ...asked, headers: { ...headers, ...own }, remoteAddress: request.ip }),
    )
    for (const [name, value] of Object.entries(answer.headers)) {
      if (name.startsWith('x-ratelimit-')) reply.header(name, value)
    }
    const ignored = answer.headers['x-krafter-ignored'] as string | undefined
    return toResult({ status: answer.statusCode, text: answer.body, ignored })
  } catch (error) {
    return toRefusal(error)
  }
}
