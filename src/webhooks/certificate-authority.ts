import { X509Certificate } from 'node:crypto'
import type { z } from 'zod'
import { text } from '../platform/http/fields.ts'
import { orUndefined } from '../platform/or-undefined.ts'

const maxCharacters = 16_384
const maxCertificates = 10

const certificate = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

/** Parses `ca_pem`: certificates in PEM (RFC 7468 §5). Only the certificates are stored, each with a final newline. */
export const certificateAuthority = text(maxCharacters).transform((pem, context) => {
  const found = pem.match(certificate) ?? []
  const problem = findProblem(pem, found)
  if (problem) context.addIssue({ code: 'custom', message: problem })
  return found.map((each) => `${each.replaceAll('\r\n', '\n')}\n`).join('')
}) satisfies z.ZodType<string, string>

function findProblem(pem: string, found: readonly string[]): string | undefined {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) return 'must not contain a private key'
  if (found.length === 0) return 'must contain a certificate in PEM (-----BEGIN CERTIFICATE-----)'
  if (found.length > maxCertificates) return `must contain at most ${maxCertificates} certificates`
  const broken = found.findIndex((each) => !orUndefined(() => new X509Certificate(each)))
  return broken < 0 ? undefined : `has a certificate that cannot be read: number ${broken + 1}`
}
