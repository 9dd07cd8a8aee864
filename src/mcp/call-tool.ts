import type { FastifyReply, FastifyRequest, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Admission } from '../access/admission.ts'
import { requestIdHeader } from '../platform/http/request-id.ts'
import { toRequest } from './tool-request.ts'
import { type ToolResult, toRefusal, toResult } from './tool-result.ts'
import type { Tool } from './tools.ts'

/** What a call is carried out by. */
export interface ToolCallParts {
  admission: Admission
  /** Asks the service itself. */
  inject(options: InjectOptions): Promise<LightMyRequestResponse>
}

/**
 * Carries a tool out by the route itself, with the caller's key: what holds for requests holds for tools.
 *
 * @param request the one that calls the tool, admitted
 * @param reply gets what the route says of rate limits
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
