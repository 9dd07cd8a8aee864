import { ApiError } from '../platform/errors.ts'

/** The API's answer to a tool call. */
export interface ToolAnswer {
  status: number
  /** JSON, or '' when there is no body. */
  text: string
  /** The header `x-krafter-ignored`. */
  ignored?: string | undefined
}

/** https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-result */
export interface ToolResult {
  content: { type: 'text'; text: string }[]
  structuredContent?: object
  isError?: true
}

/** Turns an answer into text for the model and data for programs. A refusal includes its status. */
export function toResult({ status, text, ignored }: ToolAnswer): ToolResult {
  const body = text === '' ? undefined : (JSON.parse(text) as object)
  if (status >= 400) return toErrorResult(status, body)
  const notes = ignored === undefined ? [] : [`Unknown arguments were ignored: ${ignored}`]
  return {
    content: [text || 'Done.', ...notes].map((each) => ({ type: 'text', text: each })),
    ...(body && { structuredContent: body }),
  }
}

/** Turns an `ApiError` into the refusal that the API would have answered. */
export function toRefusal(error: unknown): ToolResult {
  if (!(error instanceof ApiError)) throw error
  const { status, error: sentence, details } = error.shape
  return toErrorResult(status, { error: sentence, details })
}

function toErrorResult(status: number, body: object | undefined): ToolResult {
  const problem = { status, ...body }
  return {
    content: [{ type: 'text', text: JSON.stringify(problem) }],
    structuredContent: problem,
    isError: true,
  }
}
