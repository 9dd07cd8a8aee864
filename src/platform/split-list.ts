/** The entries of a comma-separated list, without blanks around them; empty ones do not count. */
export function splitList(list: string): string[] {
  return list
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
}
