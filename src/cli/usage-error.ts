import { ConfigError } from '../platform/config-error.ts'

/** The command line itself is wrong: one sentence and a hint, and exit code 2. */
export class UsageError extends ConfigError {}
