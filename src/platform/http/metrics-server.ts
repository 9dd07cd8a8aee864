import {
  type MeasuredParts,
  type ProbedParts,
  registerHealthRoutes,
  registerMetricsRoute,
} from './health-routes.ts'
import { createHttpServer, type Server, type ServerParts } from './server.ts'

/** What a process answers on `KRAFTER_METRICS_PORT`, whatever its role: metrics and probes, and nothing of the API. */
export async function createMetricsServer(deps: ServerParts & ProbedParts & MeasuredParts): Promise<Server> {
  const server = await createHttpServer(deps)
  registerHealthRoutes(server, deps)
  registerMetricsRoute(server, deps)
  return server
}
