import { expect, test } from 'vitest'
import {
  isStuck,
  look,
  makeOriginHealth,
  noteAnswer,
  noteEnd,
  noteFailure,
  type OriginHealth,
  probes,
  quietLooks,
  roomAt,
} from './origin-health.ts'

/** Plays what happens at a push service: `a` an answer, `f5` a failure of what began at 5, `l` a look. */
function play(health: OriginHealth, events: string): boolean[] {
  const pauses: boolean[] = []
  for (const [at, event] of events.split(' ').entries()) {
    if (event === 'a') noteAnswer(health, at + 1, false)
    if (event === 'l') look(health)
    if (event.startsWith('f')) pauses.push(noteFailure(health, Number(event.slice(1)), at + 1))
  }
  return pauses
}

test.each([
  ['three failures, one after the other', 'f0 f1 f2', [false, false, true]],
  ['many that began before the first came', 'f0 f0 f0 f0 f0', [false, false, false, false, false]],
  ['two connections cut, then one', 'f0 f0 f1 f1 f3', [false, false, false, false, true]],
  ['an answer between', 'f0 f1 a f3 f4', [false, false, false, false]],
  ['failures of what began before an answer', 'a f0 f0 f0', [false, false, false]],
  ['one after a pause', 'f0 f1 f2 f3', [false, false, true, true]],
  ['one after a pause and an answer', 'f0 f1 f2 a f4', [false, false, true, false]],
])('a push service is left alone: %s', (_, events, pauses) => {
  expect(play(makeOriginHealth(), events)).toEqual(pauses)
})

test.each([
  ['nothing is known of', '', probes],
  ['that answers', 'a', 100],
  ['that failed since', 'a f1', probes],
  ['that failed to answer what began before', 'a f0', 100],
  ['that answers again', 'a f1 a', 100],
  ['that is quiet', `a${' l'.repeat(quietLooks)}`, probes],
  ['that is quiet for less', `a${' l'.repeat(quietLooks - 1)}`, 100],
  ['that is quiet no more', `${'l '.repeat(quietLooks)}a`, 100],
])('room at a push service %s', (_, events, room) => {
  const health = makeOriginHealth()
  play(health, events)
  expect(roomAt(health, 100)).toBe(room)
  health.running = 3
  expect(roomAt(health, 100)).toBe(room - 3)
  expect(roomAt(health, 2)).toBe(0)
})

test('what is stuck is found out anew once nothing is under way', () => {
  const health = makeOriginHealth()
  health.running = 2
  play(health, 'l '.repeat(quietLooks))
  noteEnd(health)
  expect(isStuck(health)).toBe(true)
  noteEnd(health)
  expect(isStuck(health)).toBe(false)
})
