import { refusals } from '../platform/errors.ts'
import type { ToolRoute } from './tools.ts'

/** An id, or text that the route answers like an unknown id. Other values get a 404: they could leave the path. */
const segment = /^[\w-]{1,255}$/
/** The values that an HTTP header can hold. */
const headerValue = /^[\x20-\x7e]{1,255}$/

/**
 * Puts a call's arguments into the path, query, headers and body that the route expects. Unknown names also go to the
 * route, which reports in its answer that it ignores them.
 *
 * @throws the route's own refusal when an argument cannot be put into a path or a header
 */
export function toRequest(route: ToolRoute, args: Record<string, unknown>) {
  const { method, pathNames, queryNames, headers: headerNames, hasBody } = route
  const query = new URLSearchParams()
  const headers: Record<string, string> = {}
  const payload: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(args)) {
    const header = headerNames.get(name)
    if (pathNames.includes(name)) continue
    if (header !== undefined) {
      if (value !== null) headers[header] = requireHeader(name, value)
    } else if (hasBody && !queryNames.includes(name)) payload[name] = value
    else for (const each of [value].flat()) if (each !== null) query.append(name, String(each))
  }
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name) => requireSegment(name, args[name]))
  return {
    method,
    url: query.size > 0 ? `${path}?${query}` : path,
    headers,
    ...(hasBody && { payload }),
  }
}

function requireSegment(name: string, value: unknown): string {
  if (value === undefined || value === null) throw refusals.invalid({ [name]: ['is required'] })
  if (typeof value !== 'string') throw refusals.invalid({ [name]: ['must be a string'] })
  if (!segment.test(value)) throw refusals.notFound()
  return value
}

function requireHeader(name: string, value: unknown): string {
  if (typeof value === 'string' && headerValue.test(value)) return value
  throw refusals.invalid({ [name]: ['must be 1 to 255 ASCII characters'] })
}
