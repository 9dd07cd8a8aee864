import type { Db, Trx } from './db.ts'

/**
 * An open transaction as a database: what asks it for a transaction of its own runs in the open one, and commits or
 * rolls back with it. Code that changes something can so be made a part of a larger change.
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
