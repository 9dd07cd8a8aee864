import type { Db, Trx } from './db.ts'

/**
 * Wraps an open transaction as a database: code that starts a transaction on it runs in the open one, and commits or
 * rolls back with it. This way existing code can become part of a larger change.
 */
export function joinTransaction(trx: Trx): Db {
  const transaction = () => ({ execute: <Result>(run: (trx: Trx) => Promise<Result>) => run(trx) })
  return new Proxy(trx as Db, {
    get(target, name) {
      if (name === 'transaction') return transaction
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
