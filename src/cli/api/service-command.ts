import type { Command } from 'commander'

/** Options of every command that calls a running service. */
export interface ServiceOptions {
  url?: string
  keyFile?: string
  app?: string
  json?: boolean
}

export const defaultUrl = 'http://127.0.0.1:8080'

/** Adds the options that select the service, the app and the output format. */
export function withService(command: Command): Command {
  return command
    .option('--app <id>', 'the app; may be left out when there is only one')
    .option('--url <url>', `the service (KRAFTER_PUBLIC_URL, or ${defaultUrl})`)
    .option('--key-file <path>', 'a file with an API key, - for standard input (KRAFTER_API_KEY)')
    .option('--json', 'print JSON')
}
