import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import * as der from './der.ts'

let made: Promise<Certificates> | undefined

/**
 * Creates a certificate authority and a server certificate signed by it, for 127.0.0.1, ::1, localhost and
 * *.test.example, valid for a year. Created once per process: the tests of one file share them.
 *
 * Node reads certificates but cannot issue them. Libraries that issue them would add 9 MB, for the demo alone.
 */
export function makeCertificates(): Promise<Certificates> {
  made ??= Promise.resolve(generateCertificates())
  return made
}

interface Issuer {
  name: string
  key: KeyObject
}

function generateCertificates() {
  const authority = { name: 'Test authority', key: makeKey() }
  const server = makeKey()
  const ca = issue(authority, authority.name, authority.key, [
    extension(basicConstraints, der.sequence(der.isTrue), true),
    // keyCertSign and cRLSign.
    extension(keyUsage, der.bits(Buffer.from([0b0000_0110]), 1), true),
  ])
  const cert = issue(authority, 'Test server', server, [
    extension(basicConstraints, der.sequence()),
    extension(subjectAltName, der.sequence(...alternativeNames)),
  ])
  return { ca, key: server.export({ type: 'pkcs8', format: 'pem' }) as string, cert }
}

/** PEM texts: the authority to trust, the server's key, and its certificate signed by the authority. */
export type Certificates = ReturnType<typeof generateCertificates>

const makeKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

/** RFC 5280 §4.2.1. */
const keyUsage = '2.5.29.15'
const subjectAltName = '2.5.29.17'
const basicConstraints = '2.5.29.19'
const commonName = '2.5.4.3'
const ecdsaWithSha256 = der.sequence(der.objectId('1.2.840.10045.4.3.2'))
const version3 = der.explicit(0, der.positive(Buffer.from([2])))

const dnsName = (name: string) => der.element(0x82, Buffer.from(name))
const ipAddress = (...bytes: number[]) => der.element(0x87, Buffer.from(bytes))
const alternativeNames = [
  dnsName('localhost'),
  dnsName('*.test.example'),
  ipAddress(127, 0, 0, 1),
  ipAddress(...Array(15).fill(0), 1),
]

/** Issues a certificate of `subject` for the public half of `key` (RFC 5280 §4.1), as PEM. */
function issue(issuer: Issuer, subject: string, key: KeyObject, extensions: Buffer[]): string {
  const certificate = der.sequence(
    version3,
    der.positive(Buffer.from([1, ...randomBytes(15)])),
    ecdsaWithSha256,
    distinguishedName(issuer.name),
    der.sequence(der.time(new Date(Date.now() - dayMs)), der.time(new Date(Date.now() + 365 * dayMs))),
    distinguishedName(subject),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensions)),
  )
  const signed = der.sequence(certificate, ecdsaWithSha256, der.bits(sign('sha256', certificate, issuer.key)))
  const lines = signed.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

const dayMs = 86_400_000

const distinguishedName = (name: string) =>
  der.sequence(der.set(der.sequence(der.objectId(commonName), der.utf8(name))))

const extension = (id: string, value: Buffer, critical = false) =>
  der.sequence(der.objectId(id), ...(critical ? [der.isTrue] : []), der.octets(value))
