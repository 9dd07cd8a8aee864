import { Command, InvalidArgumentError } from 'commander'
import type { Role } from '../app.ts'
import { version } from '../version.ts'
import { addApiCommands } from './api/api-commands.ts'
import { withService } from './api/service-command.ts'
import { completionScript } from './completion.ts'
import { wholeNumberUpTo } from './whole-number-argument.ts'

/** Defines the commands and their options. A command's modules are loaded only when it runs. */
export function createProgram(): Command {
  const program = new Command('krafter-push')
    .description('Self-hosted push notifications, with webhooks that lose nothing')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .showSuggestionAfterError()
    // Commands created after this line inherit these settings.
    .exitOverride()
    .configureOutput({ outputError: () => {} })
  addServiceCommands(program)
  addListen(program)
  addKeyCommands(program)
  addApiCommands(program)
  program
    .command('completion <shell>')
    .description('print a script that completes commands in bash, zsh or fish')
    .action((shell) => console.log(completionScript(shell, program)))
  return program
}

function addServiceCommands(program: Command): void {
  withSettings(program.command('serve'))
    .description('migrate the database and run the service')
    .option('--role <roles>', 'what this process does: api, worker or both', parseRoles, ['api', 'worker'])
    .action(async ({ role, ...settings }) => (await import('./serve.ts')).serve(role, settings))
  program
    .command('migrate')
    .description('bring the database up to date and exit')
    .option('--json', 'print JSON')
    .action(async (options) => (await import('./migrate.ts')).runMigrate(options))
  withSettings(program.command('config'))
    .description('print every setting with its value and where it is from; secrets are masked')
    .option('--json', 'print JSON')
    .action(async (options) => (await import('./config.ts')).showConfig(options))
  withSettings(program.command('doctor'))
    .description('check the database, the clock, the way out, and what users would trip over')
    .option('--json', 'print JSON')
    .action(async (options) => (await import('./doctor.ts')).runDoctor(options))
  program
    .command('demo')
    .description('a whole round on this machine: subscribers, a notification, a verified webhook')
    .option('--subscribers <n>', 'how many devices to register and push to', wholeNumberUpTo(100_000), 1_000)
    .option('--json', 'print JSON')
    .action(async (options) => (await import('./demo.ts')).demo(options))
}

/** Adds the options that override an environment variable. */
function withSettings(command: Command): Command {
  return command
    .option('--port <port>', 'port of the API (PORT, 8080)')
    .option('--host <address>', 'address that it listens on (HOST, 127.0.0.1)')
    .option('--data-dir <folder>', 'folder of the embedded database (KRAFTER_DATA_DIR, ./data)')
}

function addListen(program: Command): void {
  withService(program.command('listen'))
    .description("post an app's events to this machine, signed, as a webhook gets them")
    .requiredOption('--forward <url>', 'where to, e.g. http://localhost:3000/hook')
    .option('--events <names>', 'comma-separated; otherwise all')
    .option(
      '--secret-file <path>',
      'a file with what to sign with (KRAFTER_WEBHOOK_SECRET); otherwise one is made',
    )
    .action(async (options) => (await import('./listen.ts')).listen(options))
}

function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('manage API keys')
  keys
    .command('create')
    .description('make a key; it is shown once')
    .option('--name <name>', 'what the key is for', 'cli')
    .option('--team <name>', 'the team that the key belongs to; created if it does not exist', 'default')
    .option('--scopes <scopes>', 'comma-separated: push:read, push:write or *', '*')
    .option('--expires <time>', 'when it stops working, e.g. 2030-01-01T00:00:00Z')
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
}

function parseRoles(value: string): Role[] {
  const roles = value.split(',').map((role) => role.trim())
  if (!roles.every((role): role is Role => role === 'api' || role === 'worker')) {
    throw new InvalidArgumentError('It must be api, worker or api,worker.')
  }
  return roles
}
