import type { DeliveryOptions } from '../message.ts'
import type { PushServiceKind } from './push-service.ts'
import { topicFor } from './topic.ts'

/** The headers of a push (RFC 8030 §5), as its push service expects them. */
export function requestHeaders(
  push: DeliveryOptions,
  service: PushServiceKind,
  authorization: string,
): Record<string, string> {
  return {
    ttl: String(push.ttlSeconds),
    urgency: push.urgency,
    ...(push.topic !== null && { topic: topicFor(push.topic, service) }),
    'content-encoding': 'aes128gcm',
    'content-type': 'application/octet-stream',
    authorization,
    // WNS caches by default, and answers 400 when the TTL contradicts its cache policy.
    ...(service === 'wns' && { 'x-wns-cache-policy': push.ttlSeconds === 0 ? 'no-cache' : 'cache' }),
  }
}
