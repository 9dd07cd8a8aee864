/** The state of a worker's subscription, shared by page and worker. */
export interface Notes {
  appId?: string
  vapidPublicKey?: string
  /** The URL where the worker registers a renewed subscription; absent when `register` is a function of the page. */
  register?: string | undefined
  /** Sent with the subscription by registrations without a backend. */
  identity?: Identity | undefined
  /** The token of the subscription that was registered last. */
  token?: string | undefined
  auth?: string | undefined
  /** The user opted out in this browser. */
  optedOut?: boolean
  /** The user asked for notifications, and the subscription is not registered yet. */
  asked?: boolean
  click?: ClickOptions | undefined
}

/** The user's identity in registrations without a backend; empty: the registration does not name a user. */
export interface Identity {
  user_id?: string | null
  user_signature?: string
}

/** What a click on a notification does when a window is already open. */
export interface ClickOptions {
  /** Which window is used. `exact`: one with exactly that URL (default); `origin`: any window of the URL's origin. */
  match?: 'exact' | 'origin'
  /** `focus`: the window is only focused (default), and the page gets the event; `navigate`: it opens the URL. */
  action?: 'focus' | 'navigate'
}

/** Reads the notes of a worker's scope. If `change` is given, it is stored first. */
export function note({ scope }: { scope: string }, change?: Notes): Promise<Notes> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('krafter-push')
    opening.onupgradeneeded = () => opening.result.createObjectStore('notes')
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const transaction = opening.result.transaction('notes', 'readwrite')
      const notes = transaction.objectStore('notes')
      let noted: Notes = {}
      const reading: IDBRequest<Notes | undefined> = notes.get(scope)
      reading.onsuccess = () => {
        noted = { ...reading.result, ...change }
        if (change) notes.put(noted, scope)
      }
      transaction.onabort = () => reject(transaction.error)
      transaction.oncomplete = () => {
        opening.result.close()
        resolve(noted)
      }
    }
  })
}
