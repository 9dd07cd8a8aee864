import type { Device } from './push-service.ts'

/**
 * A browser subscribes at its maker's push service, which a test cannot reach: this script lets a page, or a service
 * worker, subscribe with the devices of ours instead, one after the other. As in a browser, a subscription survives the
 * page, and another key is refused while there is one.
 * `localStorage.refusedKey` is a key that the push service does not take, its bytes with commas.
 */
export const standInForPushService = (devices: Device[]): string => `{
  const devices = ${JSON.stringify(devices.map(({ registration: { token, keys } }) => ({ endpoint: token, keys })))}
  const read = () => JSON.parse(localStorage.subscription ?? 'null')
  const wrap = ({ endpoint, keys, key }) => ({
    endpoint,
    options: { applicationServerKey: Uint8Array.from(key).buffer },
    toJSON: () => ({ endpoint, keys }),
    unsubscribe: async () => delete localStorage.subscription,
  })
  PushManager.prototype.getSubscription = async () => {
    const one = read()
    return one && wrap(one)
  }
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    const key = [...new Uint8Array(applicationServerKey)]
    if (!userVisibleOnly || key.length !== 65) throw new Error('wrong options')
    if (read()) throw new DOMException('there is one with another key', 'InvalidStateError')
    if (localStorage.refusedKey === String(key)) throw new DOMException('push service error', 'AbortError')
    const next = Number(localStorage.next ?? 0)
    localStorage.next = next + 1
    localStorage.subscription = JSON.stringify({ ...devices[next], key })
    return wrap(read())
  }
}`
