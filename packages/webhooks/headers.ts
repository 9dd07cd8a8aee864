import { WebhookVerificationError } from './errors.ts'

/** A fetch `Headers`, or an object like Node's `request.headers` with names in upper or lower case. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined }

/** @throws {WebhookVerificationError} `missing_header` */
export function readHeader(headers: WebhookHeaders, name: string): string {
  const value = typeof headers.get === 'function' ? headers.get(name) : findHeader(headers, name)
  if (!value) throw new WebhookVerificationError('missing_header', `the header ${name} is missing`)
  return value
}

/** Joins several values of a header in the same way as fetch and Node. */
function findHeader(headers: object, name: string): string {
  return Object.entries(headers)
    .filter(([key]) => key.toLowerCase() === name)
    .flatMap(([, value]) => value ?? [])
    .join(', ')
}
