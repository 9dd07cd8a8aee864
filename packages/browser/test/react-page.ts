import { createElement } from 'react'
import { createRoot } from 'react-dom/client'
import type { PushOptions } from '../src/index.ts'
import { usePush } from '../src/react.ts'

/** A page for the browser tests: it shows the hook's state and has buttons for its functions. */
function Page({ options }: { options: PushOptions }) {
  const { status, obstacle, error, subscribe, unsubscribe } = usePush(options)
  return createElement(
    'main',
    null,
    createElement('output', null, [status, obstacle?.kind, error?.message].filter(Boolean).join(' ')),
    createElement('button', { type: 'button', id: 'subscribe', onClick: subscribe }, 'Subscribe'),
    createElement('button', { type: 'button', id: 'unsubscribe', onClick: unsubscribe }, 'Unsubscribe'),
  )
}

const { pushOptions } = globalThis as unknown as { pushOptions: PushOptions }
createRoot(document.body).render(createElement(Page, { options: pushOptions }))
