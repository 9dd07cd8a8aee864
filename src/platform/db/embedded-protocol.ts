import { serialize } from 'pg-protocol'
import { joined } from '../joined-bytes.ts'

/** Returns the messages that prepare a statement (PostgreSQL protocol, extended query). Without a name it is not kept. */
export function prepareMessages(name: string, sql: string): Uint8Array[] {
  return [
    serialize.close({ type: 'S', name }),
    serialize.parse({ name, text: sql }),
    serialize.describe({ type: 'S', name }),
  ]
}

/** Returns the messages that run a prepared statement. @param toValue turns a parameter into its text or bytes */
export function runMessages(
  name: string,
  params: readonly unknown[] = [],
  toValue?: (param: unknown) => unknown,
): Uint8Array<ArrayBuffer> {
  return joined([
    serialize.bind({ statement: name, values: [...params], valueMapper: toValue }),
    serialize.execute(),
    serialize.sync(),
  ])
}
