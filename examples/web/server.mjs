// A backend for index.html. Only the backend has the API key. It needs Node 20 or later and no dependencies.
//
//   KRAFTER_API_KEY=kr_live_… node examples/web/server.mjs
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const {
  KRAFTER_URL: krafterUrl = 'http://127.0.0.1:8080',
  KRAFTER_API_KEY: key,
  KRAFTER_APP: appName = 'Web example',
  PORT: port = '3000',
} = process.env
if (!key)
  throw new Error('KRAFTER_API_KEY is missing: an API key, as `npx krafter-push keys create` prints it')

async function call(method, path, body) {
  const answer = await fetch(`${krafterUrl}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    body: body && JSON.stringify(body),
  })
  const { data, ...refusal } = answer.status === 204 ? {} : await answer.json()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(refusal)}`)
  return data
}

async function findOrMakeApp() {
  const apps = await call('GET', '/push/apps')
  return apps.find(({ name }) => name === appName) ?? call('POST', '/push/apps', { name: appName })
}

const app = await findOrMakeApp()
const base = `/push/apps/${app.id}`

/** The signed-in user. Your app would read it from its session. */
const currentUser = 'user-1'

const routes = {
  'GET /': async () => ({ type: 'text/html', body: await readFile(new URL('index.html', import.meta.url)) }),
  'GET /sw.js': async () => ({
    type: 'text/javascript',
    body: `importScripts('${krafterUrl}/sdk/krafter-push-sw.js')\n`,
  }),
  'GET /config': async () =>
    json({ serverUrl: krafterUrl, appId: app.id, vapidPublicKey: app.vapid_public_key }),
  'POST /subscribers': async ({ app_id: _, ...subscription }) => {
    const subscriber = { ...subscription, user_id: currentUser }
    return json(await call('POST', `${base}/subscribers`, subscriber))
  },
  'POST /unsubscribe': async ({ token }) => {
    const [subscriber] = await call('GET', `${base}/subscribers?token=${encodeURIComponent(token)}`)
    if (subscriber) await call('POST', `${base}/subscribers/${subscriber.id}/unsubscribe`)
    return json({})
  },
  'POST /notifications': async ({ title, body }) =>
    json(
      await call('POST', `${base}/notifications`, {
        title,
        body,
        url: `http://localhost:${server.address().port}/?from=notification`,
        actions: [
          { title: 'Thanks', action: 'thanks' },
          { title: 'No more', action: 'unsubscribe' },
        ],
        targeting: { type: 'user_ids', ids: [currentUser] },
      }),
    ),
}

const json = (value) => ({ type: 'application/json', body: JSON.stringify(value) })

const maxBodyBytes = 16_384

async function readJson(request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > maxBodyBytes) throw new Error('the body is too long')
  }
  return text === '' ? {} : JSON.parse(text)
}

const server = createServer(async (request, response) => {
  const [path] = request.url.split('?')
  const route = routes[`${request.method} ${path}`]
  if (!route) return void response.writeHead(404).end()
  try {
    const { type, body } = await route(await readJson(request))
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(body)
  } catch (error) {
    console.error(error.message)
    response.writeHead(502).end()
  }
})
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`Open http://localhost:${server.address().port}`)
})
