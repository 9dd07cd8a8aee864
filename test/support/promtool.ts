import { execFileSync, spawnSync } from 'node:child_process'

/** Whether Prometheus' own checker is installed: `apt-get install prometheus`. */
export const hasPromtool = spawnSync('promtool', ['--version']).status === 0

export const noPromtool = 'promtool is not installed: apt-get install prometheus'

/** @throws with what promtool says, when it finds fault */
export function promtool(args: readonly string[], input?: string): string {
  return execFileSync('promtool', args, { input, encoding: 'utf8', stdio: 'pipe' })
}
