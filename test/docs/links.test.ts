import { existsSync, globSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readDocument } from '../support/documents.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const documents = globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md'], { cwd: root })

/** As GitHub makes them from headings. */
function anchors(markdown: string): Set<string> {
  const headings = markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.+)$/gm)
  return new Set(
    [...headings].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

test.each(documents)('every link of %s leads somewhere', (path) => {
  const text = readDocument(path).replace(/^```[\s\S]*?^```/gm, '')
  const links = [...text.matchAll(/\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)/g)]
  const broken = links.filter(([, file, anchor]) => {
    const target = file ? normalize(join(dirname(path), file)) : path
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && target.endsWith('.md') && !anchors(readDocument(target)).has(anchor)
  })
  expect(broken.map(([link]) => link)).toEqual([])
})

test.each(['ARCHITECTURE.md', 'CONTRIBUTING.md'])('every source that %s names is there', (path) => {
  const sources = globSync('{src,migrations,scripts,test,packages}/**', { cwd: root })
  const known = new Set(sources.flatMap((file) => [file, file.replace(/^src\//, ''), basename(file)]))
  const named = [...readDocument(path).matchAll(/`([\w./-]+\.ts)`/g)].map(([, name]) => name!)
  expect(named.filter((name) => !known.has(name))).toEqual([])
})
