/** Enough to see what is wrong with a list; each may quote a piece of it. */
const maxMessagesPerField = 3
/** The entries of a list are fields of their own. */
const maxFields = 30

/** What is wrong with a value, as the `details` of a refusal: field name → messages. Both are bounded. */
export function toDetails(issues: Iterable<{ field: string; message: string }>): Record<string, string[]> {
  const details: Record<string, string[]> = {}
  for (const { field, message } of issues) {
    if (!details[field] && Object.keys(details).length >= maxFields) continue
    const messages = details[field] ?? []
    if (messages.length < maxMessagesPerField) details[field] = [...messages, message]
  }
  return details
}
