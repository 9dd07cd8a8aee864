/** A configuration that cannot be used. `message` is one sentence that names the variable. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}
