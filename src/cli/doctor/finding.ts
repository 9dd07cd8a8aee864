/** The result of a check; `detail` says what to do about it. */
export interface Finding {
  check: string
  state: 'ok' | 'warning' | 'failed'
  detail: string
}

const make =
  (state: Finding['state']) =>
  (check: string, detail: string): Finding => ({ check, state, detail })

export const findings = { ok: make('ok'), warning: make('warning'), failed: make('failed') }

/** With a larger clock offset, some push services refuse tokens and some receivers refuse webhook signatures. */
const tolerableSeconds = 5
const refusedSeconds = 300

/** @param offSeconds how far this machine's clock is ahead of `than`; negative: behind */
export function judgeClock(offSeconds: number, than: string): Finding {
  const off = Math.round(Math.abs(offSeconds))
  if (off <= tolerableSeconds) return findings.ok('clock', `as that of ${than}`)
  const detail = `${off} s ${offSeconds > 0 ? 'ahead of' : 'behind'} ${than}: synchronise it (NTP)`
  return off < refusedSeconds ? findings.warning('clock', detail) : findings.failed('clock', detail)
}
