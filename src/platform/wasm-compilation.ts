import { setFlagsFromString } from 'node:v8'

/**
 * Lets V8 compile one function of WebAssembly at a time, of which the embedded database is 9 MB. With a thread for each
 * core, every one of them keeps the memory that its compilations have freed: 22 MB more at rest, for a start that is no
 * faster. For the whole process: the command line's business, not the service's.
 */
export function compileWasmInTurn(): void {
  setFlagsFromString('--wasm-num-compilation-tasks=1')
}
