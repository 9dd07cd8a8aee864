/** What page and worker know of a worker's subscription. */
export interface Notes {
  appId?: string
  vapidPublicKey?: string
  /** Where the worker registers what the browser renews; absent where `register` is a function of the page. */
  register?: string | undefined
  /** Besides the subscription, for registrations without a backend. */
  identity?: Identity | undefined
  /** Of the subscription that was registered last. */
  token?: string | undefined
  auth?: string | undefined
  /** The user opted out in this browser. */
  optedOut?: boolean
  /** The user asked for notifications, and nobody has been told yet. */
  asked?: boolean
  click?: ClickOptions | undefined
}

/** Who the user is, as registrations without a backend say it; empty: nobody says. */
export interface Identity {
  user_id?: string | null
  user_signature?: string
}

/** What a click on a notification does with a window that is open already. */
export interface ClickOptions {
  /** `exact`: a window with the very URL (default); `origin`: any window of the URL's origin. */
  match?: 'exact' | 'origin'
  /** `focus`: it is only focused (default), and the page gets the event; `navigate`: it goes to the URL. */
  action?: 'focus' | 'navigate'
}

/** Reads the notes of a worker's scope, changed if `change` is given. */
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
