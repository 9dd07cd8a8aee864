import { SingleBar } from 'cli-progress'
import type { Progress } from '../demo/run-demo.ts'

/** Without a terminal, progress is this many plain lines at equal steps. */
const plainLines = 4

const nameWidth = 12

/** Shows progress as a bar on a terminal, as a few plain lines elsewhere (a file, a pipe, a CI log). */
export function createProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? createBar(stream) : createLines(stream)
}

function createBar(stream: NodeJS.WriteStream): Progress {
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
        format: `${name.padEnd(nameWidth)} {bar} {percentage} %  {value} of {total}`,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        hideCursor: true,
        // The command handles Ctrl-C itself.
        gracefulExit: false,
      })
      bar.start(total, 0)
    },
    update: (done) => bar?.update(done),
    end,
  }
}

function createLines(stream: NodeJS.WriteStream): Progress {
  let name = ''
  let total = 0
  let next = 0
  return {
    begin(begun, steps) {
      name = begun
      total = steps
      next = 1
    },
    update(done) {
      if (done * plainLines < total * next) return
      stream.write(`${name.padEnd(nameWidth)} ${done} of ${total}\n`)
      next = Math.floor((done * plainLines) / total) + 1
    },
    end: () => {},
  }
}
