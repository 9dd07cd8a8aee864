import {
  type MeasuredParts,
  type ProbedParts,
  registerHealthRoutes,
  registerMetricsRoute,
} from './health-routes.ts'
import { createHttpServer, type Server, type ServerParts } from './server.ts'

/** The server on `KRAFTER_METRICS_PORT`, in every role: it serves metrics and probes, but not the API. */
export async function createMetricsServer(deps: ServerParts & ProbedParts & MeasuredParts): Promise<Server> {
  const server = await createHttpServer(deps)
  registerHealthRoutes(server, deps)
  registerMetricsRoute(server, deps)
  return server
}
