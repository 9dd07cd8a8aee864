import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { getOrInsert } from '../platform/get-or-insert.ts'
import { onceIn } from '../platform/once-in.ts'

/** What the machine knows about names without asking a name server. */
export interface SystemNames {
  /** Addresses by name in lower case (hosts(5)). */
  hosts: ReadonlyMap<string, string[]>
  /** Search domains for incomplete names, and how many dots a complete name has (resolv.conf(5)). */
  search: readonly string[]
  ndots: number
}

export interface SystemFiles {
  hosts: string
  resolvConf: string
}

const systemFiles: SystemFiles = {
  hosts: process.platform === 'win32' ? 'C:\\Windows\\System32\\drivers\\etc\\hosts' : '/etc/hosts',
  resolvConf: '/etc/resolv.conf',
}

/** How long the contents of the files are used before the files are read again. */
const freshMs = 5_000
const maxSearchDomains = 6

/** Reads the files when names are looked up, and again after some seconds. A missing file counts as empty. */
export function createSystemNames(files: SystemFiles = systemFiles): () => Promise<SystemNames> {
  const readHosts = keepFresh(files.hosts, parseHosts)
  const readSearch = keepFresh(files.resolvConf, parseResolvConf)
  return async () => {
    const [hosts, search] = await Promise.all([readHosts(), readSearch()])
    return { hosts, ...search }
  }
}

function keepFresh<T>(path: string, parse: (text: string) => T): () => Promise<T> {
  const isStale = onceIn(freshMs)
  let parsed: Promise<T> | undefined
  return () => {
    if (isStale() || !parsed) parsed = readFile(path, 'utf8').then(parse, () => parse(''))
    return parsed
  }
}

/** hosts(5): each line has an address and its names. */
export function parseHosts(text: string): Map<string, string[]> {
  const hosts = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = fieldsOf(line)
    if (isIP(address) === 0) continue
    for (const name of names) getOrInsert(hosts, name.toLowerCase(), () => []).push(address)
  }
  return hosts
}

/** resolv.conf(5): the last `search` or `domain` counts. */
export function parseResolvConf(text: string): Pick<SystemNames, 'search' | 'ndots'> {
  let search: string[] = []
  let ndots = 1
  for (const line of text.split('\n')) {
    const [keyword, ...values] = fieldsOf(line)
    if (keyword === 'search' || keyword === 'domain') search = values
    if (keyword !== 'options') continue
    const given = values.findLast((value) => /^ndots:\d{1,2}$/.test(value))
    if (given) ndots = Number(given.slice('ndots:'.length))
  }
  const domains = search.map((domain) => domain.replace(/\.$/, '').toLowerCase())
  return { search: domains.filter(Boolean).slice(0, maxSearchDomains), ndots }
}

function fieldsOf(line: string): string[] {
  return line
    .replace(/[#;].*/, '')
    .trim()
    .split(/\s+/)
    .filter(Boolean)
}

/**
 * The names to ask for, in order. A name without a dot is tried in the search domains first. A name with fewer dots
 * than `ndots` is tried unchanged first, unlike in resolv.conf(5): most names here are complete, and each of them would
 * otherwise cost a look-up in every search domain.
 */
export function namesToAsk(
  hostname: string,
  { search, ndots }: Pick<SystemNames, 'search' | 'ndots'>,
): string[] {
  if (hostname.endsWith('.')) return [hostname.slice(0, -1)]
  const dots = hostname.split('.').length - 1
  const completed = search.map((domain) => `${hostname}.${domain}`)
  if (dots === 0) return [...completed, hostname]
  return dots < ndots ? [hostname, ...completed] : [hostname]
}
