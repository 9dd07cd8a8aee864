import { SingleBar } from 'cli-progress'
import type { Progress } from '../demo/run-demo.ts'

const nameWidth = 12

/** Shows progress as a bar on a terminal, as a few plain lines elsewhere (a file, a pipe, a CI log). */
export function createProgress(stream: NodeJS.WriteStream): Progress {
  const counts = stream.isTTY ? '{bar} {percentage} %  {value} of {total}' : '{value} of {total}'
  let bar: SingleBar | undefined
  const end = () => {
    bar?.stop()
    bar = undefined
  }
  return {
    begin(name, total) {
      end()
      bar = new SingleBar({
        stream,
        format: `${name.padEnd(nameWidth)} ${counts}`,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        hideCursor: true,
        noTTYOutput: true,
        // The command handles Ctrl-C itself.
        gracefulExit: false,
      })
      bar.start(total, 0)
    },
    update: (done) => bar?.update(done),
    end,
  }
}
