/** Enough to show what is wrong with a list. Each message may quote a part of the list. */
const maxMessagesPerField = 3
/** Limits the fields, because each entry of a list counts as a field. */
const maxFields = 30

/** Converts issues to the `details` of a refusal: field name → messages. The number of both is limited. */
export function toDetails(issues: Iterable<{ field: string; message: string }>): Record<string, string[]> {
  const details: Record<string, string[]> = {}
  for (const { field, message } of issues) {
    if (!details[field] && Object.keys(details).length >= maxFields) continue
    const messages = details[field] ?? []
    if (messages.length < maxMessagesPerField) details[field] = [...messages, message]
  }
  return details
}
