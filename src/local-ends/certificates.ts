import { generate } from 'selfsigned'

/** PEM texts: the authority to trust, and a key and certificate that it signed. */
export interface Certificates {
  ca: string
  key: string
  cert: string
}

let made: Promise<Certificates> | undefined

/**
 * A certificate authority and a server certificate signed by it, for 127.0.0.1, ::1, localhost and
 * *.test.example. Made once per process: the tests of one file share it.
 */
export function makeCertificates(): Promise<Certificates> {
  made ??= generateCertificates()
  return made
}

async function generateCertificates(): Promise<Certificates> {
  const authority = await generate([{ name: 'commonName', value: 'Test authority' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const server = await generate([{ name: 'commonName', value: 'Test server' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 2, value: '*.test.example' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  })
  return { ca: authority.cert, key: server.private, cert: server.cert }
}
