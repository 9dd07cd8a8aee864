import { startChild } from '../child.ts'
import type { Baselines } from '../part.ts'
import type { RawPostsApi } from '../raw-posts.ts'
import type { Ends } from '../stage.ts'
import { medianOf, rate, type Table } from '../table.ts'
import type { WebPushLoopApi } from '../web-push-loop.ts'

const posts = 10_000
const pushes = 3_000

/** @param wanted the baselines with which the selected parts are compared; the others are 0 */
export async function measureBaselines(
  { http2, http1, pushService, certificates: { ca } }: Ends,
  table: Table,
  wanted: ReadonlySet<keyof Baselines>,
): Promise<Baselines> {
  const run = async (name: 'raw-posts' | 'web-push-loop', origin: string, count: number) => {
    const child = startChild<RawPostsApi | WebPushLoopApi>(name)
    const perSecond = await child.run(origin, ca, count)
    await child.end()
    return perSecond
  }
  const measure = async (key: keyof Baselines, line: string, once: () => Promise<number>) => {
    if (!wanted.has(key)) return 0
    const perSecond = await medianOf(once)
    table.set(line, 'baseline', rate(perSecond))
    return perSecond
  }
  return {
    rawHttp2: await measure('rawHttp2', 'raw loop of signed POSTs', () =>
      run('raw-posts', http2.origin, posts),
    ),
    rawHttp1: await measure('rawHttp1', 'raw loop of signed POSTs over HTTP/1.1', () =>
      run('raw-posts', http1.origin, posts),
    ),
    webPush: await measure('webPush', 'web-push library, keep-alive', () =>
      run('web-push-loop', pushService.origin, pushes),
    ),
  }
}
