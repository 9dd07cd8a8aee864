import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

const path = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'].find(existsSync)

/** Why there is no pooler to test with; undefined when there is one. */
export const noPgbouncer = path ? undefined : 'pgbouncer is not installed (apt-get install pgbouncer)'

/** A pooler in front of a database. */
export interface Pgbouncer {
  url: string
  stop(): Promise<void>
}

/** Starts Debian's pgbouncer, which refuses to run as root. */
export async function startPgbouncer(
  databaseUrl: string,
  mode: 'session' | 'transaction',
): Promise<Pgbouncer> {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl)
  const folder = mkdtempSync('/tmp/krafter-pgbouncer-')
  const own = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(
    file,
    `[databases]
* = host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = 40
`,
  )
  const user = process.getuid?.() === 0 ? unprivilegedUser() : undefined
  if (user) for (const name of [folder, file]) chownSync(name, user.uid, user.gid)
  const child = spawn(path!, [file], { ...user, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] })
  await untilUp(child)
  const exited = once(child, 'exit')
  return {
    url: `postgres://anybody@127.0.0.1:${own}${pathname}`,
    async stop() {
      child.kill('SIGKILL')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function untilUp(child: ChildProcess): Promise<void> {
  let said = ''
  for await (const chunk of child.stderr!) {
    said += chunk
    if (said.includes('process up')) {
      child.stderr!.on('data', () => {})
      return
    }
  }
  throw new Error(`pgbouncer ended: ${said}`)
}

function unprivilegedUser(): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
