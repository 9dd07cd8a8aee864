import { createHash } from 'node:crypto'
import type { PushServiceKind } from './push-service.ts'

/** RFC 8030 §5.4: at most 32 characters of the base64url alphabet. */
const topicForm = /^[A-Za-z0-9_-]{1,32}$/

const maxTopicLength = 32

/** The topic to send to a push service. Equal topics always give the same result. */
export function topicFor(topic: string, service: PushServiceKind): string {
  if (service === 'apple') return strictTopic(topic)
  return topicForm.test(topic) ? topic : hashedTopic(topic)
}

/**
 * A topic that every push service accepts. Apple decodes topics as base64url and answers 400 BadWebPushTopic to lengths
 * that base64url never has (5 and 13 were reported); multiples of 4 always decode.
 */
export function strictTopic(topic: string): string {
  return topicForm.test(topic) && topic.length % 4 === 0 ? topic : hashedTopic(topic)
}

/** 192 bits of a hash, so that different topics stay different. */
function hashedTopic(topic: string): string {
  return createHash('sha256').update(topic).digest('base64url').slice(0, maxTopicLength)
}
