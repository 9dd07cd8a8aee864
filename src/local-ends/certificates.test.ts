import { X509Certificate } from 'node:crypto'
import { get } from 'node:https'
import { expect, test } from 'vitest'
import { makeCertificates } from './certificates.ts'
import { startTlsServer } from './tls-server.ts'

test('the authority signs itself and the server, which is for the names and addresses of this machine', async () => {
  const { ca, cert } = await makeCertificates()
  const authority = new X509Certificate(ca)
  const server = new X509Certificate(cert)
  expect(authority.ca).toBe(true)
  expect(authority.verify(authority.publicKey)).toBe(true)
  expect(server.verify(authority.publicKey) && server.checkIssued(authority)).toBe(true)
  expect(server.ca).toBe(false)
  for (const name of ['localhost', 'a.test.example']) expect(server.checkHost(name)).toBeDefined()
  for (const address of ['127.0.0.1', '::1']) expect(server.checkIP(address)).toBe(address)
  expect(server.checkHost('example.com')).toBeUndefined()
  expect(server.validToDate.getTime()).toBeGreaterThan(Date.now() + 364 * 86_400_000)
})

test('a client that trusts the authority trusts the server', async () => {
  const { ca, key, cert } = await makeCertificates()
  const server = await startTlsServer({ key, cert }, (_, response) => void response.writeHead(204).end())
  const status = await new Promise((resolve, reject) => {
    get(server.origin, { ca }, (answer) => resolve(answer.statusCode)).on('error', reject)
  })
  expect(status).toBe(204)
  await server.stop()
})
