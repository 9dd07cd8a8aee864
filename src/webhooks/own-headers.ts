import { z } from 'zod'
import { findHeaderFault } from '../outbound/forbidden-headers.ts'
import { quote } from '../platform/http/fields.ts'
import { isObject } from '../platform/is-object.ts'

const maxHeaders = 20
const maxHeaderNameLength = 100
const maxHeaderBytes = 4_096
/** Receivers accept some 8 KiB of headers by default (nginx, Apache). The service's own take some 600 bytes. */
const maxHeadersBytes = 7_168

/** Headers that every delivery has, or that describe how its body is encoded. */
const reservedNames = new Set(['accept-encoding', 'content-encoding', 'content-type', 'user-agent'])
const reservedPrefixes = ['webhook-', 'x-krafter-']

/** A webhook's own headers, with names in lower case. */
export const headersSchema = z
  .custom<Record<string, string>>(isObject, 'must be an object')
  .transform((given, context) => {
    const problem = findHeadersProblem(given)
    if (problem) {
      context.addIssue({ code: 'custom', message: problem })
      return z.NEVER
    }
    return Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]))
  })
  .meta({
    type: 'object',
    additionalProperties: { type: 'string', maxLength: maxHeaderBytes },
    maxProperties: maxHeaders,
  })

/** What is wrong with the headers, in words that follow the field's name. Number and size are checked first. */
function findHeadersProblem(given: Record<string, unknown>): string | undefined {
  const names = Object.keys(given)
  if (names.length > maxHeaders) return `must be at most ${maxHeaders} headers`
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length)
    return 'must name each header once'
  let bytes = 0
  for (const name of names) {
    const value = given[name]
    if (typeof value !== 'string') return `the value of ${quote(name)} must be a string`
    const problem = findHeaderProblem(name, value)
    if (problem) return problem
    bytes += name.length + value.length
  }
  return bytes > maxHeadersBytes ? `must be at most ${maxHeadersBytes} bytes together` : undefined
}

function findHeaderProblem(name: string, value: string): string | undefined {
  if (name.length > maxHeaderNameLength) {
    return `${quote(name)} must be at most ${maxHeaderNameLength} characters`
  }
  if (name.length + value.length > maxHeaderBytes) {
    return `the value of ${quote(name)} must be at most ${maxHeaderBytes} bytes, its name included`
  }
  const fault = findHeaderFault(name, value)
  if (fault === 'name') return `${quote(name)} is not a header name`
  if (fault === 'value') return `the value of ${quote(name)} must be visible ASCII`
  if (fault === 'forbidden') return `${quote(name)} is not allowed: it belongs to the connection`
  const lowerCase = name.toLowerCase()
  const isReserved =
    reservedNames.has(lowerCase) || reservedPrefixes.some((prefix) => lowerCase.startsWith(prefix))
  return isReserved ? `${quote(name)} is not allowed: it is set by the service` : undefined
}
