import { z } from 'zod'
import { bare, defineShape, plainText, type RouteDocs } from './answers.ts'

const status = defineShape('Status', z.object({ status: z.string() }), { status: 'ok' })

const tags = ['operations']

/** What the API's description says about the routes for orchestrators. */
export const healthDocs = {
  alive: {
    operationId: 'isAlive',
    summary: 'Whether the process is alive',
    tags,
    answers: {
      200: bare(status, 'It is.'),
      503: bare(status, 'The embedded database has answered nothing for a minute: restart the process.', {
        status: 'database does not answer',
      }),
    },
  },
  ready: {
    operationId: 'isReady',
    summary: 'Whether it can serve requests',
    tags,
    answers: {
      200: bare(status, 'The database takes writes.', { status: 'ready' }),
      503: bare(status, 'It is draining, or the database is read-only or does not answer within 5 seconds.', {
        status: 'draining',
      }),
    },
  },
  metrics: {
    operationId: 'readMetrics',
    summary: 'Metrics in the Prometheus text format',
    tags,
    answers: {
      200: plainText(
        'See docs/operate/monitoring.md.',
        'krafter_push_pushes_total{platform="web",outcome="sent"} 1204\n',
      ),
    },
  },
} satisfies Record<string, RouteDocs>
