import type { LookupAddress, LookupOptions } from 'node:dns'

/** The signature of `dns.lookup` when it is asked for all addresses. */
export type LookupAll = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void
