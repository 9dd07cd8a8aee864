import { getPriority, setPriority } from 'node:os'
import { createEncryptTask } from './encrypt-task.ts'

export const encryptTask = createEncryptTask()

/** Added to the nice value of the process; see nice(2). */
const niceness = 10

// Encryption gives way to the threads that read, send and record. If these had to wait for a core, this thread would have to
// wait for its next task. On other systems than Linux, the priority is that of the whole process.
if (process.platform === 'linux') {
  try {
    setPriority(Math.min(19, getPriority() + niceness))
  } catch {
    // A sandbox may forbid it. Then this thread works like any other.
  }
}
