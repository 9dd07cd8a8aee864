import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { Ajv } from 'ajv'
import { DockerfileParser } from 'dockerfile-ast'
import { validate } from 'dockerfile-utils'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { environment, readConfig } from '../../src/config/config.ts'
import { readSecretFiles } from '../../src/config/secret-files.ts'
import { readDocument } from '../support/documents.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const samples = [
  'Dockerfile',
  'compose.yaml',
  '.env.example',
  ...globSync('deploy/**/*.*', { cwd: root }),
].sort()
/** The default drain delay, and what the service takes at most after it (docs/deploy/production.md). */
const stopSeconds = 5 + 35
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'krafter-push-deploy-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// biome-ignore lint/suspicious/noExplicitAny: whatever a YAML file has
type Yaml = any
const compose: Yaml = parse(readDocument('compose.yaml'), { merge: true })
const manifests: Yaml[] = ['api', 'worker', 'ingress'].flatMap((name) =>
  parseAllDocuments(readDocument(`deploy/kubernetes/${name}.yaml`)).map((document) => document.toJS()),
)
const deployments = manifests.filter(({ kind }) => kind === 'Deployment')

test.each(samples)('%s names no setting that the service does not have', (path) => {
  const names = readDocument(path).match(/\b(KRAFTER_[A-Z0-9_]+|DATABASE_URL\w*)/g) ?? []
  for (const name of names) {
    expect(Object.keys(environment.shape)).toContain(name.replace(/_FILE$/, ''))
    if (name.endsWith('_FILE')) expect(() => readSecretFiles({ [name]: '/nothing' })).toThrow(name)
  }
})

test('.env.example is valid as it is, and with everything that it suggests', () => {
  const text = readDocument('.env.example')
  readConfig(parseEnv(text))
  const all = parseEnv(text.replace(/^#(?=[A-Z])/gm, ''))
  readConfig({ ...all, KRAFTER_ENCRYPTION_KEY: Buffer.alloc(32).toString('base64') })
})

test('the Dockerfile has no mistakes, named versions, a user and a health check', () => {
  expect(validate(readDocument('Dockerfile')).map(({ message }) => message)).toEqual([])
  const file = DockerfileParser.parse(readDocument('Dockerfile'))
  for (const from of file.getFROMs()) expect(from.getImageTag()).toMatch(/^(\d+-\S+-slim|nonroot)$/)
  const last = file
    .getInstructions()
    .slice(file.getInstructions().findLastIndex((i) => i.getKeyword() === 'FROM'))
  const text = (keyword: string) => last.find((i) => i.getKeyword() === keyword)?.getArgumentsContent()
  expect(text('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  expect(text('HEALTHCHECK')).toContain('/healthz')
  for (const keyword of ['ENTRYPOINT', 'CMD']) expect(JSON.parse(text(keyword)!)).not.toEqual([])
  const env = Object.fromEntries(
    text('ENV')!
      .split(' ')
      .map((pair) => pair.split('=')),
  )
  expect(readConfig(env)).toMatchObject({ host: '0.0.0.0', port: 8080, metricsPort: 9090 })
})

test('compose.yaml follows the Compose Specification, and its services may write nothing', () => {
  expect(errorsOf(readSchema('compose'), compose)).toEqual([])
  for (const role of ['api', 'worker']) {
    const service = compose.services[role]
    expect(service).toMatchObject({ command: ['serve', '--role', role], read_only: true, cap_drop: ['ALL'] })
    expect(Number.parseInt(service.stop_grace_period, 10)).toBeGreaterThanOrEqual(stopSeconds)
    expect(service.ports).toBeUndefined()
    expect(compose.networks.front.ipam.config).toEqual([{ subnet: service.environment.KRAFTER_TRUST_PROXY }])
  }
})

test('make-secrets.sh makes the secrets of compose.yaml, with which both roles can start, and keeps them', () => {
  const secrets = join(folder, 'secrets')
  const make = () => execFileSync(join(root, 'deploy/docker/make-secrets.sh'), [secrets])
  make()
  const names = readdirSync(secrets).sort()
  expect(
    Object.values<Yaml>(compose.secrets)
      .map(({ file }) => file)
      .sort(),
  ).toEqual(names.map((name) => `./secrets/${name}`))
  const readAll = (role: 'api' | 'worker') => {
    const { environment: variables, secrets: mounted } = compose.services[role]
    const paths = Object.entries<string>(variables).map(([name, value]) => {
      const [, secret] = /^\/run\/secrets\/(.+)$/.exec(value) ?? []
      if (secret) expect(mounted).toContain(secret)
      return [name, secret ? join(secrets, secret) : value.replace(/\$\{DOMAIN:.*\}/, 'push.example.com')]
    })
    return readConfig(readSecretFiles(Object.fromEntries(paths)))
  }
  const before = [readAll('api'), readAll('worker')]
  expect(before[0]).toMatchObject({ publicUrl: 'https://push.example.com', trustProxy: ['172.31.250.0/24'] })
  expect(new URL(before[0]!.databaseUrl!)).toMatchObject({ hostname: 'postgres', pathname: '/krafter' })
  make()
  expect([readAll('api'), readAll('worker')]).toEqual(before)
})

test.each(manifests)('the $kind $metadata.name follows the schema of Kubernetes', (manifest) => {
  const { definitions } = readSchema('kubernetes')
  const name = Object.keys(definitions).find((key) => key.endsWith(`.${manifest.kind}`))
  expect(errorsOf({ $ref: `#/definitions/${name}`, definitions }, manifest)).toEqual([])
})

test.each(deployments)('$metadata.name drains, is probed, and may write nothing', ({ spec, metadata }) => {
  const pod = spec.template.spec
  const [container] = pod.containers
  expect(container.args).toEqual(['serve', '--role', metadata.name.replace('krafter-push-', '')])
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(stopSeconds)
  expect(pod.securityContext.runAsNonRoot).toBe(true)
  expect(container.securityContext).toMatchObject({
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
  })
  const { httpGet, periodSeconds, failureThreshold } = container.readinessProbe
  expect(httpGet.path).toBe('/readyz')
  expect(periodSeconds * failureThreshold).toBeLessThan(5)
  expect(container.livenessProbe.httpGet.path).toBe('/healthz')
  expect(spec.template.metadata.labels).toEqual(spec.selector.matchLabels)
})

const hasKubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0

test.skipIf(!hasKubectl)(
  'kustomization.yaml puts them together, with settings that the service takes',
  () => {
    const text = execFileSync('kubectl', ['kustomize', join(root, 'deploy/kubernetes')], { encoding: 'utf8' })
    const built: Yaml[] = parseAllDocuments(text).map((document) => document.toJS())
    expect(built).toHaveLength(manifests.length + 1)
    const settings = built.find(({ kind }) => kind === 'ConfigMap')
    readConfig(settings.data)
    for (const { spec } of built.filter(({ kind }) => kind === 'Deployment')) {
      expect(spec.template.spec.containers[0]).toMatchObject({
        envFrom: [{ configMapRef: { name: settings.metadata.name } }],
        image: 'registry.example.com/krafter-push:0.1.0',
      })
    }
  },
)

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0

test.skipIf(!hasSystemd)('systemd accepts the unit', () => {
  const unit = readDocument('deploy/systemd/krafter-push.service')
  const path = join(folder, 'krafter-push.service')
  // The program is not installed here.
  writeFileSync(path, unit.replace('/opt/krafter-push/node_modules/.bin/krafter-push', '/bin/true'))
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
  expect(stderr.split('\n').filter((line) => line.includes('krafter-push'))).toEqual([])
  expect(status).toBe(0)
  expect(Number(/^TimeoutStopSec=(\d+)s$/m.exec(unit)![1])).toBeGreaterThanOrEqual(stopSeconds)
})

test.each([
  ['docs/deploy/systemd.md', 'deploy/systemd/krafter-push.service'],
  ['docs/deploy/reverse-proxy.md', 'deploy/nginx/krafter-push.conf'],
  ['docs/deploy/reverse-proxy.md', 'deploy/caddy/Caddyfile'],
])('%s shows %s', (document, path) => {
  expect(readDocument(document)).toContain(`\n${readDocument(path).trim()}\n\`\`\`\n`)
})

function readSchema(name: string): Yaml {
  const { $schema: _, ...schema } = JSON.parse(readDocument(`test/docs/schemas/${name}.json`))
  return schema
}

function errorsOf(schema: object, value: unknown): string[] {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
  ajv.validate(schema, value)
  return (ajv.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  )
}
