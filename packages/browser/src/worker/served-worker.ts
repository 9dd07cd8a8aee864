import { startWorker } from './worker.ts'

// The script that the service serves at /sdk/krafter-push-sw.js, with where that is in place of the text.
startWorker({ serverUrl: '__KRAFTER_SERVER__' })
