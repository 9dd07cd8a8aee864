// A server that renders pages imports what the browser is to run.
import assert from 'node:assert/strict'
import { findObstacle, isSupported, listen, resume, status, watchStatus } from '@krafter-push/browser'
import { startWorker } from '@krafter-push/browser/worker'

assert.equal(isSupported(), false)
assert.equal(await status(), 'unsupported')
assert.equal(await resume({ serverUrl: 'https://push.example', publishableKey: 'pk_live_' }), null)
assert.equal(findObstacle(), undefined)
listen({})()
watchStatus(() => {})()
assert.equal(typeof startWorker, 'function')
