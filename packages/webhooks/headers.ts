import { WebhookVerificationError } from './errors.ts'

/** A fetch `Headers`, or an object like Node's `request.headers`, in any case. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined }

/** @throws {WebhookVerificationError} `missing_header` */
export function readHeader(headers: WebhookHeaders, name: string): string {
  const value = typeof headers.get === 'function' ? headers.get(name) : findHeader(headers, name)
  if (!value) throw new WebhookVerificationError('missing_header', `the header ${name} is missing`)
  return value
}

/** Several values joined as fetch and Node join them. */
function findHeader(headers: object, name: string): string {
  return Object.entries(headers)
    .filter(([key]) => key.toLowerCase() === name)
    .flatMap(([, value]) => value ?? [])
    .join(', ')
}
