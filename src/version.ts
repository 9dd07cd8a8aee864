import { readFileSync } from 'node:fs'
import { packageFile } from './platform/package-files.ts'

interface Manifest {
  version: string
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}

const manifest: Manifest = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'))

/** The package's version. */
export const { version } = manifest

/** The exact versions of the packages that this package installs and is built with. */
export const dependencies = { ...manifest.devDependencies, ...manifest.dependencies }
