import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { packageFile } from '../package-files.ts'

/**
 * Headers of the service's own pages. A page only loads what `sources` allows, other sites cannot frame it, and its
 * links send no `Referer`.
 *
 * @param sources directives of the content security policy, such as `{'style-src': "'self'"}`
 */
export function pageHeaders(sources: Record<string, string>): Record<string, string> {
  const policy = {
    'default-src': "'none'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    ...sources,
  }
  return {
    'content-security-policy': Object.entries(policy)
      .map(([directive, source]) => `${directive} ${source}`)
      .join('; '),
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
  }
}

/** A file of the package, as it is served. */
export interface StaticFile {
  type: string
  content: string | Buffer
  etag: string
}

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

/** Reads a file of the package. @param path from the root of the package. @throws Error when the package lacks it */
export function readStaticFile(path: string): StaticFile {
  const content = readFileSync(packageFile(path))
  return { type: types[path.split('.').pop()!] ?? 'text/plain', content, etag: etagOf(content) }
}

/** A strong entity tag (RFC 9110 §8.8.3): a hash of the content. */
export function etagOf(content: string | Buffer): string {
  return `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`
}

/** Sends the content, or 304 to a client that already has it (RFC 9110 §13.1.2). */
export function sendUnlessKnown(
  request: FastifyRequest,
  reply: FastifyReply,
  { type, content, etag }: StaticFile,
): FastifyReply {
  reply.header('etag', etag)
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  return reply.type(type).send(content)
}
