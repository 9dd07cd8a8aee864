import type { PartInput } from '../part.ts'
import { requestsAtOnce } from '../sizes.ts'
import { makeApp } from '../stage.ts'
import { medianOf, rate } from '../table.ts'
import { notification } from './notifications.ts'

const posts = 6_400
/** Requests that are sent first, until V8 has compiled the hot code. */
const warmUp = 12_800

/** Measures how fast a process accepts notifications that it does not send: the cost of the API alone. */
export async function measureAccepting({ stage, backend, table }: PartInput): Promise<void> {
  const appId = await makeApp(stage)
  const post = (count: number) =>
    stage.client
      .load({ request: notification(appId, 'user-1'), count, atOnce: requestsAtOnce })
      .then((load) => load.perSecond)
  await post(warmUp)
  table.set(
    'POST notifications, to a process that sends no pushes',
    backend,
    rate(await medianOf(() => post(posts))),
  )
  await stage.ask({ method: 'DELETE', path: `/apps/${appId}` })
}
