import { type TableColumns, textArray } from '../platform/db/as-table.ts'
import type { StoredSubscriber } from './subscriber-reader-store.ts'
import { hashInName, type nameOfToken } from './token-name.ts'

/** A subscriber by {@link nameOfToken}. Metadata that is null stays as it is stored. */
export type NamedSubscriber = [
  name: string,
  Omit<StoredSubscriber, 'metadata'> & { metadata: StoredSubscriber['metadata'] | null },
]

/** Metadata is sent as text: it is a separate JSON document, stored unchanged, NUL characters included. */
export const rowColumns: TableColumns<NamedSubscriber> = {
  app_id: ['uuid', ([, { appId }]) => appId],
  id: ['uuid', ([, { id }]) => id],
  platform: ['text', ([, { platform }]) => platform],
  token: ['text', ([, { token }]) => token],
  token_hash: ['bytea', ([name]) => hashInName(name)],
  p256dh: ['bytea', ([, { p256dh }]) => p256dh],
  auth: ['bytea', ([, { auth }]) => auth],
  vapid_pair: ['smallint', ([, { vapidPair }]) => vapidPair],
  user_id: ['text', ([, { userId }]) => userId],
  user_epoch: ['smallint', ([, { userEpoch }]) => userEpoch],
  tags: ['text', ([, { tags }]) => textArray(tags)],
  metadata: ['text', ([, { metadata }]) => metadata && JSON.stringify(metadata)],
}

export const stepColumns: TableColumns<NamedSubscriber> = {
  ...rowColumns,
  status: ['text', ([, { status }]) => status],
  last_seen_at: ['timestamptz', ([, { lastSeenAt }]) => lastSeenAt],
  updated_at: ['timestamptz', ([, { updatedAt }]) => updatedAt],
}
