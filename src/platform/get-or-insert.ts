/** The part of a Map or WeakMap that {@link getOrInsert} needs. */
interface Entries<Key, Value> {
  get(key: Key): Value | undefined
  set(key: Key, value: Value): unknown
}

/**
 * Returns the value of `key`, after inserting one if it is missing. `Map.prototype.getOrInsertComputed` does the same
 * from Node 26 on, but the published package supports Node 22.
 *
 * @param make called only when the key is missing; its value must not be undefined
 */
export function getOrInsert<Key, Value>(
  entries: Entries<Key, Value>,
  key: Key,
  make: (key: Key) => Value,
): Value {
  const found = entries.get(key)
  if (found !== undefined) return found
  const made = make(key)
  entries.set(key, made)
  return made
}
