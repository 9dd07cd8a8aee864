/** A word of a POSIX shell. */
function quote(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/**
 * A request as a command line. The key is a variable of the shell: it is in no history.
 *
 * @param {{ method: string, url: string, headers: Record<string, string>, body?: string, keyed: boolean }} request
 */
export function toCurl({ method, url, headers, body, keyed }) {
  const lines = [
    `curl${method === 'GET' ? '' : ` -X ${method}`} ${quote(url)}`,
    keyed && `-H "authorization: Bearer $KRAFTER_API_KEY"`,
    ...Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    body !== undefined && `-d ${quote(body)}`,
  ]
  return lines.filter(Boolean).join(' \\\n  ')
}
