import { expect, test } from 'vitest'
import {
  checksUntilStuck,
  createOriginHealth,
  failuresBeforePause,
  isStuck,
  look,
  noteAnswer,
  noteEnd,
  noteFailure,
  type OriginHealth,
  probes,
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

/** Many failures of what began at a time. */
const many = (beganAt: number, count = failuresBeforePause) => Array(count).fill(`f${beganAt}`).join(' ')

test.each([
  ['many failures on three occasions', `f0 f1 ${many(2)}`, true],
  ['few on three occasions', 'f0 f1 f2', false],
  ['as many as it takes', `f0 f1 ${many(2, failuresBeforePause - 2)}`, true],
  ['one less', `f0 f1 ${many(2, failuresBeforePause - 3)}`, false],
  ['many on one occasion', `${many(0)} ${many(0)}`, false],
  ['many on two', `f0 ${many(1)}`, false],
  ['an answer between', `f0 f1 a ${many(3)}`, false],
  ['of what began before an answer', `f0 a f0 ${many(1)}`, false],
])('a push service is left alone: %s', (_, events, isPaused) => {
  expect(play(createOriginHealth(), events).includes(true)).toBe(isPaused)
})

test.each([
  ['and fails', 'f40', true],
  ['and what began before fails', 'f2', false],
  ['and answers, then fails', 'a f40', false],
])('a push service was left alone %s', (_, events, isPaused) => {
  const health = createOriginHealth()
  expect(play(health, `f0 f1 ${many(2, failuresBeforePause - 2)}`).at(-1)).toBe(true)
  expect(play(health, events).includes(true)).toBe(isPaused)
})

test.each([
  ['nothing is known of', '', probes],
  ['that answers', 'a', 100],
  ['that failed since', 'a f1', probes],
  ['that failed to answer what began before', 'a f0', 100],
  ['that answers again', 'a f1 a', 100],
  ['that is quiet', `a${' l'.repeat(checksUntilStuck)}`, probes],
  ['that is quiet for less', `a${' l'.repeat(checksUntilStuck - 1)}`, 100],
  ['that is quiet no more', `${'l '.repeat(checksUntilStuck)}a`, 100],
])('room at a push service %s', (_, events, room) => {
  const health = createOriginHealth()
  play(health, events)
  expect(roomAt(health, 100)).toBe(room)
  health.running = 3
  expect(roomAt(health, 100)).toBe(room - 3)
  expect(roomAt(health, 2)).toBe(0)
})

test('what is stuck is found out anew once nothing is under way', () => {
  const health = createOriginHealth()
  health.running = 2
  play(health, 'l '.repeat(checksUntilStuck))
  noteEnd(health)
  expect(isStuck(health)).toBe(true)
  noteEnd(health)
  expect(isStuck(health)).toBe(false)
})
