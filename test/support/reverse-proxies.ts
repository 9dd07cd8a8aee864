import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeCertificates } from '../../src/local-ends/certificates.ts'
import { poll } from './api.ts'
import { readDocument } from './documents.ts'
import { freePort } from './free-port.ts'

/** A proxy with the configuration that `deploy/` has for it, in front of a service. */
export interface ReverseProxy {
  /** Of its certificate. */
  host: string
  httpsPort: number
  httpPort: number
  /** Who signed its certificate, PEM. */
  ca: string
  stop(): Promise<void>
}

const isInstalled = (command: string) => spawnSync(command, ['-v'], { stdio: 'ignore' }).error === undefined

/** By name: how to start it, undefined where it is not installed. */
export const reverseProxies = {
  nginx: isInstalled('nginx') ? startNginx : undefined,
  Caddy: isInstalled('caddy') ? startCaddy : undefined,
}

/** @param upstream the service's address and port */
async function startNginx(upstream: string): Promise<ReverseProxy> {
  const [httpPort, httpsPort] = [await freePort(), await freePort()]
  const host = 'push.test.example'
  const { ca, key, cert } = await makeCertificates()
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-nginx-'))
  writeFileSync(join(folder, 'fullchain.pem'), cert)
  writeFileSync(join(folder, 'privkey.pem'), key)
  const sample = readDocument('deploy/nginx/krafter-push.conf')
    .replace(/^ *listen \[::\].*\n/gm, '')
    .replaceAll('listen 80;', `listen 127.0.0.1:${httpPort};`)
    .replaceAll('listen 443', `listen 127.0.0.1:${httpsPort}`)
    .replaceAll('/etc/letsencrypt/live/push.example.com/', `${folder}/`)
    .replaceAll('push.example.com', host)
    .replaceAll('127.0.0.1:8080', upstream)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; error_log stderr; pid ${folder}/pid;
events {}
http { access_log off; ${temporary.join(' ')}
${sample} }`,
  )
  const child = spawn('nginx', ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return running(child, folder, { host, httpPort, httpsPort, readCa: () => ca })
}

/** Its certificate is of an authority of its own, as for every name that is not public. */
async function startCaddy(upstream: string): Promise<ReverseProxy> {
  const [httpPort, httpsPort] = [await freePort(), await freePort()]
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-caddy-'))
  const sample = fileURLToPath(new URL('../../deploy/caddy/Caddyfile', import.meta.url))
  const config = join(folder, 'Caddyfile')
  const options = ['admin off', 'skip_install_trust', `http_port ${httpPort}`, `https_port ${httpsPort}`]
  writeFileSync(config, `{\n${options.join('\n')}\n}\nimport ${sample}\n`)
  const child = spawn('caddy', ['run', '--adapter', 'caddyfile', '--config', config], {
    env: {
      ...process.env,
      DOMAIN: 'localhost',
      UPSTREAM: upstream,
      XDG_DATA_HOME: folder,
      XDG_CONFIG_HOME: folder,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const root = join(folder, 'caddy/pki/authorities/local/root.crt')
  const certificate = join(folder, 'caddy/certificates/local/localhost/localhost.crt')
  const readCa = () => (existsSync(root) && existsSync(certificate) ? readFileSync(root, 'utf8') : undefined)
  return running(child, folder, { host: 'localhost', httpPort, httpsPort, readCa })
}

async function running(
  child: ChildProcess,
  folder: string,
  { readCa, ...reached }: Omit<ReverseProxy, 'ca' | 'stop'> & { readCa: () => string | undefined },
): Promise<ReverseProxy> {
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text) => (said += text))
  const exited = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGKILL')
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await poll(
      async () => child.exitCode ?? (readCa() !== undefined && (await accepts(reached.httpsPort))),
      (state) => state !== false,
    )
    if (child.exitCode !== null) throw new Error('it ended')
    return { ...reached, ca: readCa()!, stop }
  } catch (cause) {
    await stop()
    throw new Error(`the proxy does not start: ${said}`, { cause })
  }
}

function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const answer = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  })
  return answer.finally(() => socket.destroy())
}
