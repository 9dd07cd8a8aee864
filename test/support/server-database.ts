import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** A database of its own on a server. */
export interface ServerDatabase {
  name: string
  url: string
  drop(): Promise<void>
}

/** @param template another database on it that it is to be a copy of */
export async function makeServerDatabase(
  serverUrl: string,
  prefix: string,
  template = 'template1',
): Promise<ServerDatabase> {
  const name = `${prefix}_${randomBytes(6).toString('hex')}`
  await onServer(serverUrl, `create database ${name} template ${template}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return { name, url: url.href, drop: () => onServer(serverUrl, `drop database ${name} with (force)`) }
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
