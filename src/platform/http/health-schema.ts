import { z } from 'zod'
import { bare, defineShape, groupedBy, plainText } from './answers.ts'

const status = defineShape(
  'Status',
  z.object({ status: z.string().describe('The state, in a few words.') }).describe('What a probe answers.'),
  { status: 'ok' },
)

/** What the API's description says about the routes for orchestrators. */
export const healthDocs = groupedBy('operations', {
  alive: {
    operationId: 'isAlive',
    summary: 'Check that the process is alive',
    answers: {
      200: bare(status, 'The process is alive.'),
      503: bare(status, 'The embedded database has not answered for a minute. Restart the process.', {
        status: 'database does not answer',
      }),
    },
  },
  ready: {
    operationId: 'isReady',
    summary: 'Check that the process can serve requests',
    answers: {
      200: bare(status, 'The database takes writes.', { status: 'ready' }),
      503: bare(
        status,
        'The process is shutting down, or the database is read-only or did not answer within 5 seconds.',
        {
          status: 'draining',
        },
      ),
    },
  },
  metrics: {
    operationId: 'readMetrics',
    summary: 'Read the metrics, in the Prometheus text format',
    answers: {
      200: plainText(
        'The metrics; docs/operate/monitoring.md explains each.',
        'krafter_push_pushes_total{platform="web",outcome="sent"} 1204\n',
      ),
    },
  },
})
