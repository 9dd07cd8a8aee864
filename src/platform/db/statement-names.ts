/** A plan that was made for a small table is used no longer than this once the table has grown. */
export const planAgainMs = 60_000
/** Each takes memory in every connection; the service has some dozens that it runs again and again. */
const maxPrepared = 256
const returnsAll = /^\s*select (\S+\.)?\*|returning (\S+\.)?\*/i

/**
 * Names for the statements that are worth preparing: those of the service's own loops, which are the same few over and
 * over, and for which the database would spend a third of its time on parsing and planning. What requests ask for is
 * planned for its values each time.
 *
 * @returns a statement's name; undefined for one that is not to be prepared: there are too many, or it returns `*`, which
 *   fails once another version has added a column
 */
export function createStatementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>()
  return (text) => {
    const name = names.get(text)
    if (name !== undefined || names.size >= maxPrepared || returnsAll.test(text)) return name
    names.set(text, `s${names.size}`)
    return names.get(text)
  }
}
