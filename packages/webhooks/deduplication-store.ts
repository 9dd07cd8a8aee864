/**
 * Where handled events are remembered. Each call is one atomic command of a database that all processes share; in
 * Redis `SET key 1 NX EX ttl`, `EXISTS key` and `DEL key`.
 */
export interface DeduplicationStore {
  /** Adds the key for so many seconds, unless it is there. @returns whether it was added */
  add(key: string, ttlSeconds: number): boolean | Promise<boolean>
  has(key: string): boolean | Promise<boolean>
  delete(key: string): unknown
}
