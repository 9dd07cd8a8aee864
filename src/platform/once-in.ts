/** @returns a function that is true at its first call, and then at most once in `ms` */
export function onceIn(ms: number): () => boolean {
  let lastAtMs = Number.NEGATIVE_INFINITY
  return () => {
    const now = performance.now()
    if (now - lastAtMs < ms) return false
    lastAtMs = now
    return true
  }
}
