import type { PartInput } from '../part.ts'
import { makeApp } from '../stage.ts'
import { medianOf, rate } from '../table.ts'
import { notification } from './notifications.ts'

const atOnce = 32
const posts = 6_400
/** Until V8 has compiled what is hot. */
const warmUp = 12_800

/** Notifications that are accepted by a process that sends none: what the front door alone takes. */
export async function measureAccepting({ stage, backend, table }: PartInput): Promise<void> {
  const appId = await makeApp(stage)
  const post = (count: number) =>
    stage.client
      .load({ request: notification(appId, 'user-1'), count, atOnce })
      .then((load) => load.perSecond)
  await post(warmUp)
  table.set(
    'POST notifications, by a process that sends none',
    backend,
    rate(await medianOf(() => post(posts))),
  )
  await stage.ask({ method: 'DELETE', path: `/apps/${appId}` })
}
