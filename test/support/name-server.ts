import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * What a name server says of a name: its addresses, none (`[]`: it exists, but has none), that it does not exist (null),
 * or nothing at all.
 */
export type NameAnswer = string[] | null | 'silence'

/** A real name server on UDP, for tests. */
export interface NameServer {
  /** `127.0.0.1:port` */
  address: string
  /** Names that were asked for, once for each question. */
  questions: { name: string; type: 'A' | 'AAAA' }[]
  answer: (name: string, type: 'A' | 'AAAA') => NameAnswer
  ttlSeconds: number
  stop(): Promise<void>
}

const types: Record<number, 'A' | 'AAAA'> = { 1: 'A', 28: 'AAAA' }

/** Answers as RFC 1035 §4 has it, with the records of the type that was asked for. */
export async function startNameServer(answer: NameServer['answer']): Promise<NameServer> {
  const socket = createSocket('udp4')
  const server: NameServer = {
    address: '',
    questions: [],
    answer,
    ttlSeconds: 60,
    stop: () => new Promise((resolve) => socket.close(resolve)),
  }
  socket.on('message', (message, { port, address }) => {
    const { name, end } = readName(message)
    const type = types[message.readUInt16BE(end)]!
    server.questions.push({ name, type })
    const found = server.answer(name, type)
    if (found === 'silence') return
    const wanted = (found ?? []).filter((text) => isIPv6(text) === (type === 'AAAA'))
    const header = Buffer.alloc(12)
    message.copy(header, 0, 0, 2)
    // A response, recursion desired and available; 3: no such name.
    header.writeUInt16BE(0x8180 | (found === null ? 3 : 0), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(wanted.length, 6)
    const question = message.subarray(12, end + 4)
    const records = wanted.map((text) => toRecord(text, message.readUInt16BE(end), server.ttlSeconds))
    socket.send(Buffer.concat([header, question, ...records]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  server.address = `127.0.0.1:${socket.address().port}`
  return server
}

function readName(message: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

/** The name is a pointer to that of the question. */
function toRecord(address: string, type: number, ttlSeconds: number): Buffer {
  const data = Buffer.from(ipaddr.parse(address).toByteArray())
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttlSeconds, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
