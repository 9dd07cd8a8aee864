/**
 * The amount of work in each part. `BENCH_SIZES=audience=10000,backlog=20000` makes a run quick.
 */
const defaults = {
  /** Subscribers of the app that sends campaigns, from which other apps must not suffer. */
  audience: 100_000,
  /** Timed single-user notifications of each app. */
  singles: 200,
  /** Notifications that a backend posts at once. */
  burst: 1_500,
  /** Other webhooks with a backlog while a healthy one is timed. */
  crowd: 300,
  /** Pending deliveries when a receiver comes back. */
  backlog: 200_000,
}

/** Requests that a backend has under way, and pushes that the `web-push` loop has. */
export const requestsAtOnce = 64

const asked = (process.env.BENCH_SIZES ?? '').split(',').filter(Boolean)

export const sizes = { ...defaults, ...Object.fromEntries(asked.map(parse)) }

function parse(size: string): [string, number] {
  const [name = '', count] = size.split('=')
  if (!(name in defaults) || !Number.isInteger(Number(count))) {
    throw new Error(`BENCH_SIZES: ${size}: there are ${Object.keys(defaults).join(', ')}, each with a count`)
  }
  return [name, Number(count)]
}
