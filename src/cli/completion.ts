import type { Command } from 'commander'
import { UsageError } from './usage-error.ts'

/** `krafter-push completion <shell>`: returns a script that completes commands and options. */
export function completionScript(shell: string, program: Command): string {
  const make = scripts[shell]
  if (!make) throw new UsageError(`cannot complete for "${shell}": choose bash, zsh or fish`)
  return make(wordsAfter(program))
}

/** The words that may follow each chain of commands: `''`, `keys`, `keys create`. */
function wordsAfter(command: Command, path = ''): Map<string, string[]> {
  const words = [
    ...command.commands.map((child) => child.name()),
    ...command.options.filter(({ hidden }) => !hidden).map(({ long, short }) => long ?? short!),
    '--help',
  ]
  const children = command.commands.flatMap((child) => [
    ...wordsAfter(child, path ? `${path} ${child.name()}` : child.name()),
  ])
  return new Map([[path, words], ...children])
}

const scripts: Record<string, (words: Map<string, string[]>) => string> = {
  bash: (words) => `_krafter_push() {
  local path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  local words=""
  case "$path" in
${cases(words, '*')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _krafter_push krafter-push`,
  zsh: (words) => `#compdef krafter-push
_krafter_push() {
  local path_="" word words_=""
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$word" in -*) ;; *) path_="\${path_:+$path_ }$word" ;; esac
  done
  local path="$path_" words=""
  case "$path" in
${cases(words, '*')}
  esac
  compadd -- \${=words}
}
compdef _krafter_push krafter-push`,
  fish: (words) => `complete -c krafter-push -f
${[...words].flatMap(([path, list]) => list.map((word) => fishLine(path, word, words))).join('\n')}`,
}

/** The longest chain comes first, so that `keys create <argument>` matches `keys create` and not `keys`. */
function cases(words: Map<string, string[]>, rest: string): string {
  const chains = [...words]
    .filter(([path]) => path !== '')
    .sort(([one], [other]) => other.length - one.length)
  const lines = chains.map(([path, list]) => `    "${path}"|"${path} "${rest}) words="${list.join(' ')}" ;;`)
  return [...lines, `    "") words="${words.get('')!.join(' ')}" ;;`].join('\n')
}

function fishLine(path: string, word: string, words: Map<string, string[]>): string {
  const children = words.get(path)!.filter((child) => !child.startsWith('-'))
  const seen = path.split(' ').filter(Boolean)
  const conditions = [
    ...(seen.length === 0
      ? ['__fish_use_subcommand']
      : seen.map((name) => `__fish_seen_subcommand_from ${name}`)),
    ...(seen.length > 0 && children.length > 0 && !word.startsWith('-')
      ? [`not __fish_seen_subcommand_from ${children.join(' ')}`]
      : []),
  ].join('; and ')
  const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`
  return `complete -c krafter-push -n '${conditions}' ${what}`
}
