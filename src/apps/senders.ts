import type { ChannelApp, Credential } from '../channels/channel.ts'
import type { Deps } from '../deps.ts'
import type { Platform } from '../message-content.ts'
import { vapidKeyContext } from './change-app.ts'
import { readSendingApps } from './vapid-pair-store.ts'

/** An app as far as sending for it goes. */
export interface SendingApp {
  id: string
  settings: Record<string, unknown>
  /** What it has for each channel. */
  credentials: Partial<Record<Platform, ChannelApp['credentials']>>
}

/** Reads apps and their key pairs: two statements, however many there are. @returns by id; without those that are gone */
export async function readSenders(
  deps: Pick<Deps, 'db' | 'crypto'>,
  appIds: readonly string[],
): Promise<Map<string, SendingApp>> {
  const apps = await readSendingApps(deps.db, appIds)
  return new Map(
    apps.map(({ id, settings, pairs }) => {
      const web = [...pairs].map(([number, { publicKey, privateKey }]): [number, Credential] => [
        number,
        {
          publicPart: publicKey,
          readSecret: () => deps.crypto.decrypt(privateKey, vapidKeyContext(id)),
        },
      ])
      return [id, { id, settings, credentials: { web: new Map(web) } }]
    }),
  )
}
