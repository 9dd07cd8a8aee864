import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Marks the scripts of a folder as CommonJS, because the package consists of ES modules. */
const [folder] = process.argv.slice(2)
if (!folder) throw new Error('usage: node scripts/mark-commonjs.ts <folder>')
writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n')
