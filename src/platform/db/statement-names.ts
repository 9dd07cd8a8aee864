/** Plans are discarded after this long, because a plan for a small table is slow once the table has grown. */
export const planAgainMs = 60_000
/** Each prepared statement takes memory in every connection. The service repeats a few dozen statements. */
const maxPrepared = 256
const returnsAll = /^\s*select (\S+\.)?\*|returning (\S+\.)?\*/i

/**
 * Names the statements that are worth preparing: the few that the service's own loops repeat. Without preparation the
 * database would spend a third of its time on parsing and planning them. Statements of requests are not prepared: each
 * is planned for its values.
 *
 * @returns the statement's name; undefined when it should not be prepared, because there are too many, or because it
 *   returns `*`, which fails once another version has added a column
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
