/**
 * How much a part has to do. `BENCH_SIZES=audience=10000,backlog=20000` makes a quick run.
 */
const defaults = {
  /** Subscribers of the app whose campaigns others must not suffer from. */
  audience: 100_000,
  /** Notifications to one user each that are timed, of each app. */
  singles: 200,
  /** Notifications that a backend posts at once. */
  burst: 1_500,
  /** Webhooks beside which a healthy one is timed. */
  crowd: 300,
  /** Deliveries that wait when a receiver comes back. */
  backlog: 200_000,
}

const asked = (process.env.BENCH_SIZES ?? '').split(',').filter(Boolean)

export const sizes = { ...defaults, ...Object.fromEntries(asked.map(parse)) }

function parse(size: string): [string, number] {
  const [name = '', count] = size.split('=')
  if (!(name in defaults) || !Number.isInteger(Number(count))) {
    throw new Error(`BENCH_SIZES: ${size}: there are ${Object.keys(defaults).join(', ')}, each with a count`)
  }
  return [name, Number(count)]
}
