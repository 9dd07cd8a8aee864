import { ConfigError } from '../platform/config-error.ts'

/** Incorrect usage of the command line: printed as one sentence and a hint, with exit code 2. */
export class UsageError extends ConfigError {}
