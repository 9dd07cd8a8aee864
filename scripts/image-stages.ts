import { execFileSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Copy, DockerfileParser, type From, type Instruction } from 'dockerfile-ast'

/** A stage whose instructions have been carried out. A folder represents its file system. */
export interface BuiltStage {
  name: string
  /** The stage's base image, which is not available here. */
  base: string
  root: string
  workingDirectory: string
  env: Record<string, string>
  user: string
  entrypoint: string[]
  command: string[]
  healthCheck: string[]
  volumes: string[]
}

/**
 * Carries out a Dockerfile without an engine: every stage gets a folder, COPY copies between them, RUN runs on this
 * machine's own system. So commands must use relative paths; base images, owners and modes are ignored.
 *
 * @param context the folder that is built; git lists its files
 * @param folder the output folder: each stage has a subfolder with its name, the last stage `image`
 * @returns the last stage
 * @throws when a command fails, or an instruction is not known here
 */
export function buildStages(context: string, folder: string): BuiltStage {
  const file = DockerfileParser.parse(readFileSync(join(context, 'Dockerfile'), 'utf8'))
  const stages: BuiltStage[] = []
  for (const instruction of file.getInstructions()) {
    const keyword = instruction.getKeyword()
    if (keyword === 'FROM') stages.push(openStage(instruction as From, folder))
    else carryOut(instruction, keyword, stages.at(-1)!, { context, stages })
  }
  return stages.at(-1)!
}

function openStage(from: From, folder: string): BuiltStage {
  const name = from.getBuildStage() ?? 'image'
  const root = join(folder, name)
  mkdirSync(root)
  return {
    name,
    base: from.getImage()!,
    root,
    workingDirectory: '/',
    env: {},
    user: '0',
    entrypoint: [],
    command: [],
    healthCheck: [],
    volumes: [],
  }
}

interface Build {
  context: string
  stages: readonly BuiltStage[]
}

function carryOut(instruction: Instruction, keyword: string, stage: BuiltStage, build: Build): void {
  const text = instruction.getArgumentsContent() ?? ''
  switch (keyword) {
    case 'WORKDIR':
      stage.workingDirectory = text
      mkdirSync(join(stage.root, text), { recursive: true })
      return
    case 'ENV':
      for (const pair of text.split(/\s+/)) {
        const [name, value] = pair.split('=') as [string, string]
        stage.env[name] = value
      }
      return
    case 'COPY':
      copy(instruction as Copy, stage, build)
      return
    case 'RUN':
      process.stdout.write(`${stage.name}: ${text}\n`)
      execFileSync('sh', ['-ec', text], {
        cwd: join(stage.root, stage.workingDirectory),
        env: { ...process.env, ...stage.env, NODE_OPTIONS: '' },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      return
    case 'USER':
      stage.user = text
      return
    case 'ENTRYPOINT':
      stage.entrypoint = words(text)
      return
    case 'CMD':
      stage.command = words(text)
      return
    case 'HEALTHCHECK':
      stage.healthCheck = words(text.replace(/^CMD /, ''))
      return
    case 'VOLUME':
      stage.volumes.push(...words(text))
      return
    case 'EXPOSE':
    case 'STOPSIGNAL':
      return
    default:
      throw new Error(`Dockerfile: ${keyword} is not known here`)
  }
}

const words = (list: string): string[] => JSON.parse(list)

function copy(instruction: Copy, stage: BuiltStage, { context, stages }: Build): void {
  const from = instruction
    .getFlags()
    .find((flag) => flag.getName() === 'from')
    ?.getValue()
  const operands = instruction.getArguments().map((operand) => operand.getValue())
  const target = join(
    stage.root,
    operands.at(-1)!.startsWith('/') ? '' : stage.workingDirectory,
    operands.at(-1)!,
  )
  const source = from ? stages.find(({ name }) => name === from)!.root : context
  for (const operand of operands.slice(0, -1)) {
    if (!from && operand === '.') {
      for (const path of contextFiles(context)) copyFile(join(context, path), join(target, path))
      continue
    }
    const path = join(source, operand)
    // COPY copies the content of a folder, but a file under its own name.
    const to =
      statSync(path).isDirectory() || !/[/.]$/.test(operands.at(-1)!) ? target : join(target, basename(path))
    copyFile(path, to)
  }
}

function copyFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
}

/** The files that git tracks or would add, except files that .dockerignore names. */
function contextFiles(context: string): string[] {
  const patterns = readFileSync(join(context, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const ignored = new Set(
    globSync(
      patterns.flatMap((pattern) => [pattern, `${pattern}/**`]),
      { cwd: context, exclude: (path) => path === 'node_modules' || path === '.git' },
    ),
  )
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: context,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((path) => path !== '' && !ignored.has(path))
}
