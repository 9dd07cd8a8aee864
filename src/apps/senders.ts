import type { ChannelApp, Credential } from '../channels/channel.ts'
import type { Deps } from '../deps.ts'
import type { Platform } from '../message-content.ts'
import { vapidKeyContext } from './change-app.ts'
import { readSendingApps } from './vapid-pair-store.ts'

/** The parts of an app that sending needs. */
export interface SendingApp {
  id: string
  settings: Record<string, unknown>
  /** The app's credentials for each channel. */
  credentials: Partial<Record<Platform, ChannelApp['credentials']>>
}

/** Reads any number of apps and their key pairs in two statements. @returns the apps by id, without deleted ones */
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
