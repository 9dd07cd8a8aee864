import { Command, InvalidArgumentError } from 'commander'
import type { Role } from '../app.ts'
import { ConfigError } from '../platform/config-error.ts'
import { version } from '../version.ts'

/**
 * Runs `krafter-push <command>`.
 *
 * @param argv as `process.argv`
 * @returns the exit code: 0, or 1 after one sentence on stderr
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync([...argv])
    return typeof process.exitCode === 'number' ? process.exitCode : 0
  } catch (error) {
    console.error(`krafter-push: ${sentence(error)}`)
    // What the failed start had opened must not hold the process.
    process.exit(1)
  }
}

function createProgram(): Command {
  const program = new Command('krafter-push')
    .description('Self-hosted push notifications, with webhooks that lose nothing')
    .version(version)
  program
    .command('serve')
    .description('migrate the database and run the service')
    .option('--role <roles>', 'what this process does: api, worker or both', parseRoles, ['api', 'worker'])
    .action(async ({ role }: { role: Role[] }) => (await import('./serve.ts')).serve(role))
  program
    .command('migrate')
    .description('bring the database up to date and exit')
    .action(async () => (await import('./migrate.ts')).runMigrate())
  program
    .command('demo')
    .description('a whole round on this machine: subscribers, a notification, a verified webhook')
    .option('--subscribers <n>', 'how many devices to register and push to', parseSubscribers, 1_000)
    .action(async ({ subscribers }) => (await import('./demo.ts')).demo(subscribers))
  program
    .command('listen')
    .description("post an app's events to this machine, signed, as a webhook gets them")
    .requiredOption('--forward <url>', 'where to, e.g. http://localhost:3000/hook')
    .option('--app <id>', 'the app; may be left out when there is only one')
    .option('--url <url>', 'the service (KRAFTER_PUBLIC_URL, or http://127.0.0.1:8080)')
    .option('--key <key>', 'an API key with push:read (KRAFTER_API_KEY)')
    .option('--events <names>', 'comma-separated; otherwise all')
    .option('--secret <secret>', 'what to sign with; otherwise one is made and printed')
    .option('--json', 'print JSON')
    .action(async (options) => (await import('./listen.ts')).listen(options))
  const keys = program.command('keys').description('manage API keys')
  keys
    .command('create')
    .description('make a key; it is shown once')
    .option('--name <name>', 'what the key is for', 'cli')
    .option('--team <name>', 'the team it belongs to, made when there is none of that name', 'default')
    .option('--scopes <scopes>', 'comma-separated: push:read, push:write or *', '*')
    .option('--expires <moment>', 'when it stops working, e.g. 2030-01-01T00:00:00Z')
    .option('--json', 'print JSON')
    .action(async (options) => (await import('./keys.ts')).createKeyCommand(options))
  keys
    .command('list')
    .description('list keys by prefix; keys themselves are not stored')
    .option('--json', 'print JSON')
    .action(async (options) => (await import('./keys.ts')).listKeysCommand(options))
  keys
    .command('revoke <id>')
    .description('stop a key from working, at once')
    .option('--json', 'print JSON')
    .action(async (id, options) => (await import('./keys.ts')).revokeKeyCommand(id, options))
  return program
}

const maxDemoSubscribers = 100_000

function parseSubscribers(value: string): number {
  const count = /^\d{1,6}$/.test(value) ? Number(value) : 0
  if (count < 1 || count > maxDemoSubscribers) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${maxDemoSubscribers}.`)
  }
  return count
}

function parseRoles(value: string): Role[] {
  const roles = value.split(',').map((role) => role.trim())
  if (!roles.every((role): role is Role => role === 'api' || role === 'worker')) {
    throw new InvalidArgumentError('It must be api, worker or api,worker.')
  }
  return roles
}

/** A configuration error is a sentence already; of anything else the message is what can be said in one. */
function sentence(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  if (process.env.KRAFTER_LOG_LEVEL === 'debug' && error instanceof Error) return String(error.stack)
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}
