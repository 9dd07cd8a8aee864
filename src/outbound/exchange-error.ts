import { errors } from 'undici'
import { RefusedAddressError } from './guarded-connect.ts'
import type { ExchangeError } from './outbound.ts'

/** Longest message kept of a failure; some TLS errors quote whole certificates' names. */
const maxMessageLength = 300

const dnsCodes = new Set([
  'ENOTFOUND',
  'ENODATA',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
  'ESERVFAIL',
])

const timeoutCodes = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

const connectCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'EPIPE',
  'EACCES',
  'EPERM',
  'UND_ERR_SOCKET',
])

const abortedCodes = new Set(['UND_ERR_ABORTED', 'UND_ERR_DESTROYED', 'UND_ERR_CLOSED', 'ABORT_ERR'])

// OpenSSL's verification results, as Node names them (X509_V_ERR_…); besides these, TLS codes have a prefix.
const certificateCodes = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_NOT_YET_VALID',
  'CERT_HAS_EXPIRED',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
])

/**
 * Sorts what a socket, TLS, the HTTP parser or undici threw, by its class and code, never by its text. What is none
 * of the others is `protocol`: the peer was reached and did not speak HTTP as it should.
 */
export function classifyError(error: Error): { error: ExchangeError; message: string } {
  const cause = firstOf(error)
  return { error: classifyCause(cause), message: describe(cause) }
}

function classifyCause(error: NodeJS.ErrnoException): ExchangeError {
  if (error instanceof RefusedAddressError) {
    return 'refused_address'
  }
  const code = error.code ?? ''
  if (error.syscall === 'getaddrinfo' || dnsCodes.has(code)) {
    return 'dns'
  }
  if (timeoutCodes.has(code)) {
    return 'timeout'
  }
  if (abortedCodes.has(code) || error instanceof errors.RequestAbortedError) {
    return 'aborted'
  }
  if (code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_') || certificateCodes.has(code)) {
    return 'tls'
  }
  return connectCodes.has(code) ? 'connect' : 'protocol'
}

/** When every address of a name failed, Node reports them together; the first one speaks for all. */
function firstOf(error: Error): NodeJS.ErrnoException {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
}

function describe(error: NodeJS.ErrnoException): string {
  return (error.message || error.code || error.name).slice(0, maxMessageLength)
}
