import { setFlagsFromString } from 'node:v8'

/**
 * Makes V8 compile one WebAssembly function at a time; the embedded database has 9 MB of WebAssembly. With a thread per
 * core, each thread keeps the memory that its compilations freed: 22 MB more at rest, without a faster start. The flag
 * affects the whole process, so only the command line sets it.
 */
export function compileWasmInTurn(): void {
  setFlagsFromString('--wasm-num-compilation-tasks=1')
}
