import type { Deps } from '../deps.ts'
import type { WebhookSettings } from './webhook-settings.ts'
import type { WebhookChange } from './webhook-state.ts'

/** Converts settings to their stored form: encrypted headers, JSON as text. Absent settings are omitted. */
export function storedSettings(
  { crypto }: Pick<Deps, 'crypto'>,
  id: string,
  { headers, filter, batch, ordered, ...plain }: WebhookSettings,
): WebhookChange {
  const toJson = (value: unknown) => (value === undefined ? undefined : value && JSON.stringify(value))
  const stored: WebhookChange = { ...plain, filter: toJson(filter), batch: toJson(batch) }
  if (ordered !== undefined) stored.ordered = ordered === true ? 'all' : ordered || null
  if (headers === undefined) return stored
  const names = Object.keys(headers ?? {}).sort()
  const values = names.length > 0 ? crypto.encrypt(JSON.stringify(headers), `webhook-headers:${id}`) : null
  return { ...stored, header_names: names, header_values: values }
}
