import { RefusedAddressError } from './guarded-resolve.ts'
import type { ExchangeError } from './outbound.ts'

/** Why an exchange failed: the error in one word, and in a sentence. */
export interface ExchangeFailure {
  error: ExchangeError
  reason: string
}

/** @param codes the error codes that mean this failure, separated by spaces */
const failure = (error: ExchangeError, reason: string, codes = '') => ({
  error,
  reason,
  codes: codes.split(' ').filter(Boolean),
})

/**
 * Every failure that a caller sees. The texts are fixed, because system messages contain addresses, which the guard does
 * not reveal. docs/receive/deliveries.md lists them. Certificate codes are OpenSSL's verification results as Node names
 * them.
 */
export const failures = {
  nameUnknown: failure('dns', 'the host name does not exist', 'ENOTFOUND EAI_NONAME'),
  nameWithoutAddress: failure('dns', 'the host name has no address', 'ENODATA EAI_NODATA'),
  nameServersSilent: failure('dns', 'the name servers did not answer in time', 'ETIMEOUT'),
  nameServersFailed: failure('dns', 'the name servers failed', 'EAI_AGAIN EAI_FAIL ESERVFAIL EREFUSED'),
  nameServersUnreachable: failure('dns', 'no name server can be reached'),
  nameServersBusy: failure('dns', 'too many host names are being looked up', 'ERR_LOOKUPS_BUSY'),
  nameUnresolved: failure('dns', 'the host name cannot be resolved'),
  refusedAddress: failure('refused_address', 'the host is at an address that is not allowed'),
  refusedUrl: failure('refused_address', 'the URL must be https:// without a user name or password'),
  connectionRefused: failure('connect', 'the connection was refused', 'ECONNREFUSED'),
  connectionReset: failure('connect', 'the connection was reset', 'ECONNRESET ECONNABORTED EPIPE'),
  connectionClosed: failure(
    'connect',
    'the connection was closed before the answer was complete',
    // UND_ERR_ABORTED: when undici aborts a request that it moved to a new connection, it fails the requests behind it, too.
    'UND_ERR_SOCKET UND_ERR_ABORTED ERR_HTTP2_STREAM_CANCEL ERR_HTTP2_INVALID_SESSION ERR_HTTP2_SESSION_ERROR',
  ),
  noRoute: failure(
    'connect',
    'there is no route to the host',
    'EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN EADDRNOTAVAIL',
  ),
  notPermitted: failure('connect', 'this machine does not permit the connection', 'EACCES EPERM'),
  tooManyFiles: failure('connect', 'this machine has too many open files', 'EMFILE ENFILE'),
  proxyUnreachable: failure('connect', 'the outbound proxy cannot be reached', 'ERR_PROXY_UNREACHABLE'),
  proxyRefused: failure('connect', 'the outbound proxy refused the connection', 'ERR_PROXY_REFUSED'),
  noConnectionInTime: failure(
    'timeout',
    'no connection could be made in time',
    'ETIMEDOUT UND_ERR_CONNECT_TIMEOUT',
  ),
  noAnswerInTime: failure(
    'timeout',
    'no complete answer came in time',
    'UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT',
  ),
  certificateExpired: failure('tls', 'the certificate has expired', 'CERT_HAS_EXPIRED'),
  certificateNotYetValid: failure('tls', 'the certificate is not valid yet', 'CERT_NOT_YET_VALID'),
  certificateSelfSigned: failure('tls', 'the certificate is self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT'),
  certificateUnknownAuthority: failure(
    'tls',
    'the certificate is signed by an unknown authority, or an intermediate certificate is missing',
    'SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_ISSUER_CERT_LOCALLY ' +
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE CERT_UNTRUSTED',
  ),
  certificateOtherHost: failure(
    'tls',
    'the certificate is for another host name',
    'ERR_TLS_CERT_ALTNAME_INVALID HOSTNAME_MISMATCH',
  ),
  certificateRevoked: failure('tls', 'the certificate is revoked', 'CERT_REVOKED'),
  certificateInvalid: failure(
    'tls',
    'the certificate is not valid',
    'UNABLE_TO_GET_CRL UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY CERT_SIGNATURE_FAILURE ' +
      'CERT_CHAIN_TOO_LONG CERT_REJECTED ERROR_IN_CERT_NOT_BEFORE_FIELD ERROR_IN_CERT_NOT_AFTER_FIELD INVALID_CA ' +
      'INVALID_PURPOSE PATH_LENGTH_EXCEEDED',
  ),
  clientCertificateWanted: failure('tls', 'the receiver asks for a client certificate'),
  handshakeRefused: failure(
    'tls',
    'the receiver refused the TLS handshake; it may ask for a client certificate',
  ),
  noTls: failure(
    'tls',
    'the receiver does not speak TLS on this port',
    'ERR_SSL_WRONG_VERSION_NUMBER ERR_SSL_PACKET_LENGTH_TOO_LONG ERR_SSL_HTTP_REQUEST',
  ),
  tlsVersion: failure(
    'tls',
    'the receiver and the service have no TLS version in common',
    'ERR_SSL_UNSUPPORTED_PROTOCOL ERR_TLS_PROTOCOL_VERSION_CONFLICT',
  ),
  hostNotServed: failure('tls', 'the receiver does not serve this host name'),
  tlsFailed: failure('tls', 'the TLS connection failed'),
  headersTooLarge: failure(
    'protocol',
    "the answer's headers are too large",
    'UND_ERR_HEADERS_OVERFLOW HPE_HEADER_OVERFLOW',
  ),
  bodyLength: failure(
    'protocol',
    "the answer's body is not as long as announced",
    'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  ),
  streamReset: failure('protocol', 'the receiver reset the HTTP/2 stream', 'ERR_HTTP2_STREAM_ERROR'),
  streamClosed: failure(
    'protocol',
    'the receiver closed the HTTP/2 stream before the answer was complete',
    'UND_ERR_INFO',
  ),
  invalidHeader: failure(
    'protocol',
    'a header of the request cannot be sent',
    'UND_ERR_INVALID_ARG UND_ERR_NOT_SUPPORTED ERR_UNSENDABLE_HEADER',
  ),
  requestHeadersTooLarge: failure('protocol', 'the headers of the request are too large'),
  notHttp: failure('protocol', 'the answer is not valid HTTP'),
  stopped: failure(
    'aborted',
    'the service broke the attempt off',
    'UND_ERR_DESTROYED UND_ERR_CLOSED ABORT_ERR',
  ),
}

type Failure = ReturnType<typeof failure>

const failureByCode = new Map(
  Object.values(failures).flatMap((each) => each.codes.map((code): [string, Failure] => [code, each])),
)

/** Alerts of the peer (RFC 8446 §6). Node's codes also contain the TLS version, so they are matched by pattern. */
const alerts: readonly (readonly [RegExp, Failure])[] = [
  [/_CERTIFICATE_REQUIRED$/, failures.clientCertificateWanted],
  [/_PROTOCOL_VERSION$/, failures.tlsVersion],
  [/_UNRECOGNIZED_NAME$/, failures.hostNotServed],
  [/_ALERT_/, failures.handshakeRefused],
]

/**
 * Classifies an error of a socket, TLS, the HTTP parser or undici by its class and code, never by its text. Any other
 * error is `protocol`: the peer was reached but did not speak valid HTTP.
 */
export function classifyError(error: Error): ExchangeFailure {
  return failureOf(firstOf(error))
}

/** Whether an exchange failed because its connection was closed or reset by the peer. */
export function isConnectionLost(error: Error): boolean {
  const known = failureByCode.get(firstOf(error).code ?? '')
  return known === failures.connectionReset || known === failures.connectionClosed
}

function failureOf(error: NodeJS.ErrnoException): Failure {
  if (error instanceof RefusedAddressError) return failures.refusedAddress
  const code = error.code ?? ''
  const known = failureByCode.get(code)
  if (isFromLookup(error)) {
    if (known?.error === 'dns') return known
    return code === 'ECONNREFUSED' ? failures.nameServersUnreachable : failures.nameUnresolved
  }
  if (known) return known
  if (code.startsWith('ERR_SSL_')) {
    return alerts.find(([pattern]) => pattern.test(code))?.[1] ?? failures.tlsFailed
  }
  return code.startsWith('ERR_TLS_') ? failures.tlsFailed : failures.notHttp
}

/** c-ares reports the query as the syscall (`queryA`); the resolver of the system reports `getaddrinfo`. */
function isFromLookup({ syscall = '' }: NodeJS.ErrnoException): boolean {
  return syscall === 'getaddrinfo' || syscall.startsWith('query')
}

/** When every address of a name fails, Node reports all errors together. The first one counts. */
function firstOf(error: Error): NodeJS.ErrnoException {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
}
