/** Sets an entry of a map with at most `max` entries. Beyond that, the entry that was set the longest ago is removed. */
export function remember<Key, Value>(entries: Map<Key, Value>, key: Key, value: Value, max: number): void {
  entries.delete(key)
  entries.set(key, value)
  if (entries.size > max) entries.delete(entries.keys().next().value!)
}
