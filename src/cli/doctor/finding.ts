/** What a check has found; `detail` says what to do about it. */
export interface Finding {
  check: string
  state: 'ok' | 'warning' | 'failed'
  detail: string
}

const make =
  (state: Finding['state']) =>
  (check: string, detail: string): Finding => ({ check, state, detail })

export const findings = { ok: make('ok'), warning: make('warning'), failed: make('failed') }

/** Off by more, tokens of push services and signatures of webhooks are refused by some. */
const tolerableSeconds = 5
const refusedSeconds = 300

/** @param offSeconds how far this machine's clock is ahead of `than`; negative: behind */
export function judgeClock(offSeconds: number, than: string): Finding {
  const off = Math.round(Math.abs(offSeconds))
  if (off <= tolerableSeconds) return findings.ok('clock', `as that of ${than}`)
  const detail = `${off} s ${offSeconds > 0 ? 'ahead of' : 'behind'} ${than}: synchronise it (NTP)`
  return off < refusedSeconds ? findings.warning('clock', detail) : findings.failed('clock', detail)
}
