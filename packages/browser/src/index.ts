export { listen, type PushListeners } from './listen.ts'
export type { ClickOptions } from './notes.ts'
export type { BackendOptions, DirectOptions, PushOptions, Registration } from './options.ts'
export {
  isSupported,
  type PushStatus,
  resume,
  status,
  subscribe,
  type UnsubscribeOptions,
  unsubscribe,
} from './page.ts'
export { findObstacle, type Obstacle, watchStatus } from './permission.ts'
export type { PushEventMessage } from './push-event.ts'
