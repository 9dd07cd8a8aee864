import { errors } from 'undici'
import { RefusedAddressError } from './guarded-connect.ts'
import type { ExchangeError } from './outbound.ts'

/** Why an exchange failed: the error in one word, and one of the {@link reasons}. */
export interface ExchangeFailure {
  error: ExchangeError
  reason: string
}

/**
 * Every reason that a caller sees. The texts are fixed, because system messages contain addresses, which the guard does
 * not reveal. docs/receive/deliveries.md lists them.
 */
export const reasons = {
  nameUnknown: 'the host name does not exist',
  nameWithoutAddress: 'the host name has no address',
  nameServersSilent: 'the name servers did not answer in time',
  nameServersFailed: 'the name servers failed',
  nameServersUnreachable: 'no name server can be reached',
  nameServersBusy: 'too many host names are being looked up',
  nameUnresolved: 'the host name cannot be resolved',
  refusedAddress: 'the host is at an address that is not allowed',
  refusedUrl: 'the URL must be https:// without a user name or password',
  connectionRefused: 'the connection was refused',
  connectionReset: 'the connection was reset',
  connectionClosed: 'the connection was closed before the answer was complete',
  noRoute: 'there is no route to the host',
  notPermitted: 'this machine does not permit the connection',
  tooManyFiles: 'this machine has too many open files',
  proxyUnreachable: 'the outbound proxy cannot be reached',
  proxyRefused: 'the outbound proxy refused the connection',
  noConnectionInTime: 'no connection could be made in time',
  noAnswerInTime: 'no complete answer came in time',
  certificateExpired: 'the certificate has expired',
  certificateNotYetValid: 'the certificate is not valid yet',
  certificateSelfSigned: 'the certificate is self-signed',
  certificateUnknownAuthority:
    'the certificate is signed by an unknown authority, or an intermediate certificate is missing',
  certificateOtherHost: 'the certificate is for another host name',
  certificateRevoked: 'the certificate is revoked',
  certificateInvalid: 'the certificate is not valid',
  clientCertificateWanted: 'the receiver asks for a client certificate',
  handshakeRefused: 'the receiver refused the TLS handshake; it may ask for a client certificate',
  noTls: 'the receiver does not speak TLS on this port',
  tlsVersion: 'the receiver and the service have no TLS version in common',
  hostNotServed: 'the receiver does not serve this host name',
  tlsFailed: 'the TLS connection failed',
  headersTooLarge: "the answer's headers are too large",
  bodyLength: "the answer's body is not as long as announced",
  streamReset: 'the receiver reset the HTTP/2 stream',
  invalidHeader: 'a header of the request cannot be sent',
  requestHeadersTooLarge: 'the headers of the request are too large',
  notHttp: 'the answer is not valid HTTP',
  stopped: 'the service broke the attempt off',
} as const

type Reason = keyof typeof reasons
type Kind = readonly [ExchangeError, Reason]

const authorityUnknown: Kind = ['tls', 'certificateUnknownAuthority']
const noRoute: Kind = ['connect', 'noRoute']
const tooManyFiles: Kind = ['connect', 'tooManyFiles']
const notPermitted: Kind = ['connect', 'notPermitted']
const noConnectionInTime: Kind = ['timeout', 'noConnectionInTime']
const noAnswerInTime: Kind = ['timeout', 'noAnswerInTime']
const stopped: Kind = ['aborted', 'stopped']
const noTls: Kind = ['tls', 'noTls']
const tlsVersion: Kind = ['tls', 'tlsVersion']
const invalidHeader: Kind = ['protocol', 'invalidHeader']

/** Kinds by error code. Certificate codes are OpenSSL's verification results as Node names them. */
const kindByCode: Readonly<Record<string, Kind>> = {
  ENOTFOUND: ['dns', 'nameUnknown'],
  EAI_NONAME: ['dns', 'nameUnknown'],
  ENODATA: ['dns', 'nameWithoutAddress'],
  EAI_NODATA: ['dns', 'nameWithoutAddress'],
  ETIMEOUT: ['dns', 'nameServersSilent'],
  EAI_AGAIN: ['dns', 'nameServersFailed'],
  EAI_FAIL: ['dns', 'nameServersFailed'],
  ESERVFAIL: ['dns', 'nameServersFailed'],
  EREFUSED: ['dns', 'nameServersFailed'],
  ERR_LOOKUPS_BUSY: ['dns', 'nameServersBusy'],
  ECONNREFUSED: ['connect', 'connectionRefused'],
  ECONNRESET: ['connect', 'connectionReset'],
  ECONNABORTED: ['connect', 'connectionReset'],
  EPIPE: ['connect', 'connectionReset'],
  UND_ERR_SOCKET: ['connect', 'connectionClosed'],
  EHOSTUNREACH: noRoute,
  EHOSTDOWN: noRoute,
  ENETUNREACH: noRoute,
  ENETDOWN: noRoute,
  EADDRNOTAVAIL: noRoute,
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
  EACCES: notPermitted,
  EPERM: notPermitted,
  ERR_PROXY_UNREACHABLE: ['connect', 'proxyUnreachable'],
  ERR_PROXY_REFUSED: ['connect', 'proxyRefused'],
  ETIMEDOUT: noConnectionInTime,
  UND_ERR_CONNECT_TIMEOUT: noConnectionInTime,
  UND_ERR_HEADERS_TIMEOUT: noAnswerInTime,
  UND_ERR_BODY_TIMEOUT: noAnswerInTime,
  UND_ERR_ABORTED: stopped,
  UND_ERR_DESTROYED: stopped,
  UND_ERR_CLOSED: stopped,
  ABORT_ERR: stopped,
  CERT_HAS_EXPIRED: ['tls', 'certificateExpired'],
  CERT_NOT_YET_VALID: ['tls', 'certificateNotYetValid'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['tls', 'certificateSelfSigned'],
  SELF_SIGNED_CERT_IN_CHAIN: authorityUnknown,
  UNABLE_TO_GET_ISSUER_CERT: authorityUnknown,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: authorityUnknown,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: authorityUnknown,
  CERT_UNTRUSTED: authorityUnknown,
  ERR_TLS_CERT_ALTNAME_INVALID: ['tls', 'certificateOtherHost'],
  HOSTNAME_MISMATCH: ['tls', 'certificateOtherHost'],
  CERT_REVOKED: ['tls', 'certificateRevoked'],
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
  ERR_SSL_HTTP_REQUEST: noTls,
  ERR_SSL_UNSUPPORTED_PROTOCOL: tlsVersion,
  ERR_TLS_PROTOCOL_VERSION_CONFLICT: tlsVersion,
  UND_ERR_HEADERS_OVERFLOW: ['protocol', 'headersTooLarge'],
  HPE_HEADER_OVERFLOW: ['protocol', 'headersTooLarge'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ['protocol', 'bodyLength'],
  ERR_HTTP2_STREAM_CANCEL: ['connect', 'connectionClosed'],
  ERR_HTTP2_INVALID_SESSION: ['connect', 'connectionClosed'],
  ERR_HTTP2_STREAM_ERROR: ['protocol', 'streamReset'],
  UND_ERR_INVALID_ARG: invalidHeader,
  UND_ERR_NOT_SUPPORTED: invalidHeader,
  ERR_UNSENDABLE_HEADER: invalidHeader,
}

const certificateCodes = new Set([
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REJECTED',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
])

/** Error codes that mean that the whole connection is lost, not only the exchange on it. */
const lostCodes = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'UND_ERR_SOCKET',
  'ERR_HTTP2_STREAM_CANCEL',
  'ERR_HTTP2_INVALID_SESSION',
])

/** Alerts of the peer (RFC 8446 §6). Node's codes also contain the TLS version, so they are matched by pattern. */
const alerts: readonly (readonly [RegExp, Kind])[] = [
  [/_CERTIFICATE_REQUIRED$/, ['tls', 'clientCertificateWanted']],
  [/_PROTOCOL_VERSION$/, tlsVersion],
  [/_UNRECOGNIZED_NAME$/, ['tls', 'hostNotServed']],
  [/_ALERT_/, ['tls', 'handshakeRefused']],
]

/**
 * Classifies an error of a socket, TLS, the HTTP parser or undici by its class and code, never by its text. Any other
 * error is `protocol`: the peer was reached but did not speak valid HTTP.
 */
export function classifyError(error: Error): ExchangeFailure {
  const [kind, reason] = kindOf(firstOf(error))
  return { error: kind, reason: reasons[reason] }
}

/** Whether an exchange failed because its connection was closed or reset by the peer. */
export function isConnectionLost(error: Error): boolean {
  return lostCodes.has(firstOf(error).code ?? '')
}

function kindOf(error: NodeJS.ErrnoException): Kind {
  if (error instanceof RefusedAddressError) return ['refused_address', 'refusedAddress']
  if (error instanceof errors.RequestAbortedError) return stopped
  const code = error.code ?? ''
  const known = Object.hasOwn(kindByCode, code) ? kindByCode[code] : undefined
  if (isFromLookup(error)) {
    if (known?.[0] === 'dns') return known
    return ['dns', code === 'ECONNREFUSED' ? 'nameServersUnreachable' : 'nameUnresolved']
  }
  if (known) return known
  if (certificateCodes.has(code)) return ['tls', 'certificateInvalid']
  if (code.startsWith('ERR_SSL_')) {
    return alerts.find(([pattern]) => pattern.test(code))?.[1] ?? ['tls', 'tlsFailed']
  }
  if (code.startsWith('ERR_TLS_')) return ['tls', 'tlsFailed']
  return ['protocol', 'notHttp']
}

/** c-ares reports the query as the syscall (`queryA`); the resolver of the system reports `getaddrinfo`. */
function isFromLookup({ syscall = '' }: NodeJS.ErrnoException): boolean {
  return syscall === 'getaddrinfo' || syscall.startsWith('query')
}

/** When every address of a name fails, Node reports all errors together. The first one counts. */
function firstOf(error: Error): NodeJS.ErrnoException {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
}
