import { startWorker } from './worker.ts'

// The service serves this script at /sdk/krafter-push-sw.js and replaces the placeholder with its own URL.
startWorker({ serverUrl: '__KRAFTER_SERVER__' })
