import type * as messages from 'pg-protocol/dist/messages'
import { Parser } from 'pg-protocol/dist/parser'
import { valueTypes } from './value-types.ts'

/** The result of one statement. */
export interface Answer<Row> {
  rows: Row[]
  /** `INSERT`, `COMMIT` and so on. */
  command: string
  affectedRows: number | undefined
}

interface Column {
  name: string
  parse: (text: string) => unknown
}

/** `SELECT 5`, `INSERT 0 5` */
const completion = /^(\w+).*?(\d+)?$/

/**
 * Reads the database's messages about one statement, with the same types of values as on PostgreSQL.
 *
 * @param onNotification called for each notification (LISTEN) among the answers
 * @returns a reader; it throws the database's error
 */
export function createAnswerReader(
  onNotification: (channel: string, payload: string) => void,
): <Row>(name: string, answered: Uint8Array) => Answer<Row> {
  /** A statement's columns are only described when it is prepared. */
  const described = new Map<string, Column[]>()
  return <Row>(name: string, answered: Uint8Array) => {
    const answer: Answer<Row> = { rows: [], command: '', affectedRows: undefined }
    let columns = described.get(name)
    let failure: messages.DatabaseError | undefined
    const { buffer, byteOffset, byteLength } = answered
    new Parser().parse(Buffer.from(buffer, byteOffset, byteLength), (message) => {
      switch (message.name) {
        case 'rowDescription':
          columns = (message as messages.RowDescriptionMessage).fields.map(toColumn)
          if (name) described.set(name, columns)
          break
        case 'dataRow':
          answer.rows.push(toRow<Row>(columns!, (message as messages.DataRowMessage).fields))
          break
        case 'commandComplete': {
          const [, command, count] = completion.exec((message as messages.CommandCompleteMessage).text)!
          answer.command = command!
          answer.affectedRows = count === undefined ? undefined : Number(count)
          break
        }
        case 'notification': {
          const { channel, payload } = message as messages.NotificationResponseMessage
          onNotification(channel, payload)
          break
        }
        case 'error':
          failure ??= message as messages.DatabaseError
      }
    })
    if (failure) throw failure
    return answer
  }
}

function toColumn({ name, dataTypeID }: messages.Field): Column {
  return { name, parse: valueTypes.getTypeParser(dataTypeID, 'text') }
}

function toRow<Row>(columns: readonly Column[], values: readonly (string | null)[]): Row {
  const row: Record<string, unknown> = {}
  for (const [index, { name, parse }] of columns.entries()) {
    const value = values[index]!
    row[name] = value === null ? null : parse(value)
  }
  return row as Row
}
