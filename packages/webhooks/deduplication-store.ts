/**
 * Remembers handled events. Each call is one atomic command of a database that all processes share: in Redis
 * `SET key 1 NX EX ttl`, `EXISTS key` and `DEL key`.
 */
export interface DeduplicationStore {
  /** Adds the key for `ttlSeconds`, unless it exists. @returns whether it was added */
  add(key: string, ttlSeconds: number): boolean | Promise<boolean>
  has(key: string): boolean | Promise<boolean>
  delete(key: string): unknown
}
