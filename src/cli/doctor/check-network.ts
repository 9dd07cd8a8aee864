import { Agent, type Dispatcher, ProxyAgent, request } from 'undici'
import type { Config } from '../../config/config.ts'
import { describeFailure } from '../describe-failure.ts'
import { type Finding, findings, judgeClock } from './finding.ts'

const timeoutMs = 5_000

/** Origins of the push services of Chrome, Firefox and Safari. */
const pushServices = [
  'https://fcm.googleapis.com',
  'https://updates.push.services.mozilla.com',
  'https://web.push.apple.com',
]

/** Checks that push services are reachable, through the proxy if one is set, and compares clocks. Any answer counts. */
export async function checkOutboundReach(
  { outboundProxy }: Pick<Config, 'outboundProxy'>,
  origins: readonly string[] = pushServices,
): Promise<Finding[]> {
  const dispatcher = outboundProxy ? new ProxyAgent(outboundProxy.href) : new Agent()
  const answers = await Promise.all(origins.map((origin) => reach(origin, dispatcher)))
  await dispatcher.close()
  const clock = answers.find(({ offSeconds }) => offSeconds !== undefined)
  return [
    ...answers.map(({ origin, error }) =>
      error === undefined
        ? findings.ok('way out', origin)
        : findings.failed(
            'way out',
            `${origin}: ${error}; open port 443 to it, or set KRAFTER_OUTBOUND_PROXY`,
          ),
    ),
    ...(clock ? [judgeClock(clock.offSeconds!, new URL(clock.origin).host)] : []),
  ]
}

async function reach(
  origin: string,
  dispatcher: Dispatcher,
): Promise<{ origin: string; error?: string; offSeconds?: number }> {
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const { headers, body } = await request(origin, { method: 'HEAD', dispatcher, signal })
    await body.dump()
    const theirs = Date.parse(String(headers.date))
    return Number.isNaN(theirs) ? { origin } : { origin, offSeconds: (Date.now() - theirs) / 1_000 }
  } catch (error) {
    return { origin, error: describeFailure(error) }
  }
}

/** Push services ask for a contact address; Apple refuses every push without one. */
export function checkVapidSubject({ vapidSubject }: Pick<Config, 'vapidSubject'>): Finding {
  return vapidSubject
    ? findings.ok('VAPID subject', vapidSubject)
    : findings.warning('VAPID subject', 'none: Apple refuses every push; set KRAFTER_VAPID_SUBJECT')
}

/** Browsers subscribe on https pages only, and https pages can call only an https service. */
export async function checkTls({ publicUrl }: Pick<Config, 'publicUrl'>): Promise<Finding> {
  if (!publicUrl) {
    return findings.warning('TLS', 'KRAFTER_PUBLIC_URL is not set: browsers need the service behind https')
  }
  const { protocol, hostname } = new URL(publicUrl)
  if (protocol === 'http:') {
    return /^(localhost|127\.|\[::1\])/.test(hostname)
      ? findings.ok('TLS', `${publicUrl} is this machine, where browsers do without`)
      : findings.warning('TLS', `${publicUrl} is not https: put a proxy with TLS in front`)
  }
  try {
    const { statusCode, body } = await request(`${publicUrl}/healthz`, {
      signal: AbortSignal.timeout(timeoutMs),
    })
    await body.dump()
    return statusCode === 200
      ? findings.ok('TLS', `${publicUrl} answers, and its certificate is valid`)
      : findings.failed(
          'TLS',
          `${publicUrl}/healthz answers ${statusCode}: does the proxy pass it on to the service?`,
        )
  } catch (error) {
    return findings.failed('TLS', `${publicUrl} cannot be used: ${describeFailure(error)}`)
  }
}
