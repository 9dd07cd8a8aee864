import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

interface Manifest {
  name: string
  version: string
  license?: string
  author?: string | { name?: string }
}

/**
 * The licences of the libraries in a bundle. The licences require that the bundle includes them.
 *
 * @param moduleIds paths of the modules in the bundle; our own are ignored
 * @throws Error when a library does not name its licence
 */
export function renderNotices(moduleIds: readonly string[]): string {
  const libraries = moduleIds.filter((id) => id.includes('/node_modules/') && !id.startsWith('\0'))
  const folders = [...new Set(libraries.map((id) => findPackage(dirname(id))))]
  const notices = folders.map((folder) => renderNotice(folder)).sort()
  return [introduction, ...notices].join(`\n\n${'-'.repeat(80)}\n\n`)
}

const introduction = 'The files beside this one contain these libraries.'

/** Skips a package.json without a version: subfolders have one only to set the type of their modules. */
function findPackage(folder: string): string {
  const manifest = join(folder, 'package.json')
  const isRoot = existsSync(manifest) && readManifest(folder).version !== undefined
  return isRoot ? folder : findPackage(dirname(folder))
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

function renderNotice(folder: string): string {
  const { name, version, license, author } = readManifest(folder)
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim())
  if (!license && texts.length === 0) throw new Error(`${name} does not name its licence`)
  const by = typeof author === 'string' ? author : author?.name
  const head = `${name} ${version}${license ? `, ${license}` : ''}`
  // If the library has no licence text, the notice must at least name its author.
  return [head, ...(texts.length > 0 ? texts : by ? [`Copyright ${by}`] : [])].join('\n\n')
}
