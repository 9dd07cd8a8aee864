import { join } from 'node:path'
import { bundleService } from '../scripts/bundle-service.ts'

await bundleService('bench/service.ts', join(import.meta.dirname, 'built'))
