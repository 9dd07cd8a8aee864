import { createHmac, generateKeyPairSync, type KeyObject, sign as signWith } from 'node:crypto'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { signatureHeaders } from '../../src/deliveries/attempt/sign.ts'
import { anyCharacter } from '../../test/support/any-character.ts'
import {
  isKnownEvent,
  type RawBody,
  verify,
  verifyBatch,
  verifyKrafterSignature,
  type WebhookErrorCode,
  type WebhookHeaders,
  type WebhookSecret,
  WebhookVerificationError,
} from './index.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const event = {
  id: '01996d62-d0e7-7f18-95ab-c3d2e4f60718',
  event: 'notification.sent',
  timestamp: '2026-06-01T08:07:01Z',
  data: {
    notification_id: '01996d62-b8f1-7d20-a3c6-41e5f7082d94',
    app_id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
    title: 'Schöne Grüße 🚀',
    sent_count: 1203,
    failed_count: 1,
  },
}
const body = JSON.stringify(event)
const sentAtSeconds = 1_764_000_000
const options = { now: () => new Date(sentAtSeconds * 1_000) }

type Signer = (content: string) => string

/** A signature by a secret that is text, or by the bytes that stand behind whsec_. */
function hmac(key: string | Buffer): Signer {
  return (content) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`
}

const bySecret = hmac(Buffer.alloc(32, 7))

function makePublicKey(): { publicKey: string; signer: Signer } {
  const pair = generateKeyPairSync('ed25519')
  const raw = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x!, 'base64url')
  return { publicKey: `whpk_${raw.toString('base64')}`, signer: ed25519(pair.privateKey) }
}

function ed25519(key: KeyObject): Signer {
  return (content) => `v1a,${signWith(null, Buffer.from(content), key).toString('base64')}`
}

/** The headers of a delivery, signed by each signer. */
function sign(content: string, signers: Signer[], timestamp = String(sentAtSeconds), id = event.id) {
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signers.map((signer) => signer(`${id}.${timestamp}.${content}`)).join(' '),
  }
}

async function expectRefusal(result: Promise<unknown>, code: WebhookErrorCode): Promise<void> {
  const error = await result.then(
    () => expect.unreachable(`accepted, though ${code}`),
    (reason) => reason,
  )
  expect(error).toBeInstanceOf(WebhookVerificationError)
  expect(error).toMatchObject({ name: 'WebhookVerificationError', code })
}

describe('against standardwebhooks', () => {
  test('what it signs with whsec_, verifies here', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 24, maxLength: 64 }),
        fc.string({ unit: anyCharacter }),
        fc.uuid(),
        async (bytes, title, id) => {
          const text = `whsec_${Buffer.from(bytes).toString('base64')}`
          const content = JSON.stringify({ ...event, data: { title } })
          const headers = {
            ...sign(content, [], undefined, id),
            'webhook-signature': new Webhook(text).sign(id, options.now(), content),
          }
          expect(await verify(content, headers, text, options)).toEqual(JSON.parse(content))
        },
      ),
    )
  })

  test('what it signs with raw bytes, verifies here with the text of those bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: anyCharacter }), async (text) => {
        const judge = new Webhook(Buffer.from(`s${text}`), { format: 'raw' })
        const headers = {
          ...sign(body, []),
          'webhook-signature': judge.sign(event.id, options.now(), body),
        }
        expect(await verify(body, headers, `s${text}`, options)).toEqual(event)
      }),
    )
  })

  test('what is signed here by hand, it verifies too', async () => {
    const headers = sign(body, [hmac('another'), bySecret], String(Math.floor(Date.now() / 1_000)))
    expect(new Webhook(secret).verify(body, headers)).toEqual(event)
    expect(await verify(body, headers, secret)).toEqual(event)
  })
})

describe('against the service', () => {
  /** Whatever a user may have chosen, and what almost is a whsec_ key. */
  const secrets = fc.oneof(
    fc.string({ minLength: 1 }),
    fc.string({ minLength: 1, unit: anyCharacter }),
    fc
      .string({ unit: fc.constantFrom('A', 'b', '+', '/', '=', '-', '\n'), minLength: 20 })
      .map((s) => `whsec_${s}`),
    fc
      .uint8Array({ minLength: 20, maxLength: 70 })
      .chain((bytes) =>
        fc.constantFrom(
          `whsec_${Buffer.from(bytes).toString('base64')}`,
          `whsec_${Buffer.from(bytes).toString('base64url')}`,
        ),
      ),
    // Spare bits that are not 0: the service decodes them all the same.
    fc.constant(`whsec_${'A'.repeat(42)}B=`),
  )

  async function expectSameKey(text: string): Promise<void> {
    const content = { messageId: event.id, timestampSeconds: sentAtSeconds, body }
    const headers: Record<string, string> = {
      ...sign(body, []),
      ...signatureHeaders({ secret: text, previousSecret: null, ed25519: null }, content),
    }
    expect(await verify(body, headers, text, options)).toEqual(event)
    expect(await verifyKrafterSignature(body, headers['x-krafter-signature'], text)).toBe(true)
  }

  test('any secret means the same key to both', async () => {
    await fc.assert(
      fc.asyncProperty(secrets, async (text) => {
        fc.pre(!text.startsWith('whpk_'))
        await expectSameKey(text)
      }),
    )
  })

  test.each([0, 23, 24, 64, 65])('%i bytes behind whsec_ mean the same key to both', async (length) => {
    await expectSameKey(`whsec_${Buffer.alloc(length, 9).toString('base64')}`)
  })
})

describe('published vectors', () => {
  test('Standard Webhooks: the signature is right, the body is no event of ours', async () => {
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    }
    const key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    const at = { now: () => new Date(1_614_265_330_000) }
    await expectRefusal(verify('{"test": 2432232314}', headers, key, at), 'invalid_body')
    await expectRefusal(verify('{"test": 2432232315}', headers, key, at), 'invalid_signature')
  })

  test.each([
    [
      "GitHub's documentation",
      "It's a Secret to Everybody",
      'Hello, World!',
      '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    ],
    [
      'RFC 4231, test case 2',
      'Jefe',
      'what do ya want for nothing?',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
  ])('x-krafter-signature: %s', async (_, key, content, hex) => {
    expect(await verifyKrafterSignature(content, `sha256=${hex}`, key)).toBe(true)
    expect(await verifyKrafterSignature(`${content} `, `sha256=${hex}`, key)).toBe(false)
  })
})

describe('forms of body and headers', () => {
  const headers = sign(body, [bySecret])
  const bytes = Buffer.from(body)

  test.each<[string, RawBody]>([
    ['a string', body],
    ['a Buffer', bytes],
    ['a Uint8Array', new Uint8Array(bytes)],
    ['a part of a larger buffer', new Uint8Array(Buffer.concat([bytes, bytes])).subarray(0, bytes.length)],
    ['an ArrayBuffer', new Uint8Array(bytes).buffer],
  ])('body: %s', async (_, rawBody) => {
    expect(await verify(rawBody, headers, secret, options)).toEqual(event)
  })

  const upperCase = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
  )
  const lists = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))
  const node = { host: 'shop.example', 'set-cookie': ['a', 'b'], 'x-absent': undefined, ...headers }

  test.each<[string, WebhookHeaders]>([
    ['fetch Headers', new Headers(headers)],
    ['those of Node', node],
    ['in capitals', upperCase],
    ['lists of one', lists],
    ['two signature headers', { ...headers, 'webhook-signature': [headers['webhook-signature'], 'v1,old'] }],
  ])('headers: %s', async (_, given) => {
    expect(await verify(body, given, secret, options)).toEqual(event)
  })

  test('two signature headers as fetch joins them', async () => {
    for (const signatures of [
      ['v1,old', headers['webhook-signature']],
      [headers['webhook-signature'], 'v1,old'],
    ]) {
      const joined = new Headers(sign(body, []))
      joined.delete('webhook-signature')
      for (const signature of signatures) joined.append('webhook-signature', signature)
      expect(await verify(body, joined, secret, options)).toEqual(event)
    }
  })

  test('what is changed after the call is not what is verified and returned', async () => {
    const shared = new Uint8Array(bytes)
    const verified = verify(shared, headers, secret, options)
    shared.fill(0x20)
    expect(await verified).toEqual(event)
  })
})

describe('tampering', () => {
  const { publicKey, signer } = makePublicKey()
  const content = Buffer.from(body)

  describe.each<[string, WebhookSecret, Signer]>([
    ['v1', secret, bySecret],
    ['v1a', publicKey, signer],
  ])('%s', (_, key, signWithKey) => {
    const headers = sign(body, [signWithKey])

    test('untouched, it verifies', async () => {
      expect(await verify(content, headers, key, options)).toEqual(event)
    })

    test('any changed byte of the body is refused', async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(content.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
          const changed = new Uint8Array(content)
          changed[at]! ^= flip
          await expectRefusal(verify(changed, headers, key, options), 'invalid_signature')
        }),
      )
    })

    test('any changed byte of a header is refused', async () => {
      const names = Object.keys(headers) as (keyof typeof headers)[]
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...names),
          fc.nat(),
          fc.integer({ min: 1, max: 255 }),
          async (name, n, flip) => {
            const changed = { ...headers, [name]: changeAt(headers[name], n % headers[name].length, flip) }
            await expect(verify(content, changed, key, options)).rejects.toThrow(WebhookVerificationError)
          },
        ),
        { numRuns: 500 },
      )
    })

    test("the signature's end has one spelling only", async () => {
      const { 'webhook-signature': signature } = headers
      const changes = [1, 2, 3, 4].flatMap((fromEnd) =>
        Array.from({ length: 255 }, (_, flip) => changeAt(signature, signature.length - fromEnd, flip + 1)),
      )
      changes.push(
        signature.replace(/=+$/, ''),
        `${signature}=`,
        `${signature}AAAA`,
        signature.replace(',', ''),
      )
      for (const changed of changes) {
        const tampered = { ...headers, 'webhook-signature': changed }
        await expectRefusal(verify(content, tampered, key, options), 'invalid_signature')
      }
    })

    test('bytes added or taken away are refused', async () => {
      for (const changed of [`${body} `, ` ${body}`, `\uFEFF${body}`, body.slice(0, -1), '']) {
        await expectRefusal(verify(changed, headers, key, options), 'invalid_signature')
      }
    })

    test('the time cannot lend its digits to the id', async () => {
      const moved = {
        ...headers,
        'webhook-id': `${event.id}.1`,
        'webhook-timestamp': String(sentAtSeconds).slice(1),
      }
      const late = { now: () => new Date(Number(moved['webhook-timestamp']) * 1_000) }
      await expectRefusal(verify(content, moved, key, late), 'invalid_signature')
    })
  })

  function changeAt(text: string, at: number, flip: number): string {
    return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ flip) + text.slice(at + 1)
  }
})

describe('time', () => {
  const headers = sign(body, [bySecret])
  const verifyAt = (milliseconds: number, toleranceSeconds?: number) =>
    verify(body, headers, secret, {
      now: () => new Date(sentAtSeconds * 1_000 + milliseconds),
      ...(toleranceSeconds === undefined ? {} : { toleranceSeconds }),
    })

  test.each([-300_000, 0, 300_000, 300_999])(
    '%i ms after it was sent it is accepted',
    async (milliseconds) => {
      expect(await verifyAt(milliseconds)).toEqual(event)
    },
  )

  test.each<[number, WebhookErrorCode]>([
    [301_000, 'timestamp_too_old'],
    [-300_001, 'timestamp_too_new'],
  ])('%i ms after it was sent it is %s', async (milliseconds, code) => {
    await expectRefusal(verifyAt(milliseconds), code)
  })

  test('the tolerance can be another', async () => {
    expect(await verifyAt(5_000, 5)).toEqual(event)
    await expectRefusal(verifyAt(6_000, 5), 'timestamp_too_old')
    await expectRefusal(verifyAt(-6_000, 5), 'timestamp_too_new')
    expect(await verifyAt(0, 0)).toEqual(event)
  })

  test('a tolerance or a clock that is not a number accepts nothing', async () => {
    await expectRefusal(verifyAt(0, Number.NaN), 'timestamp_too_old')
    await expectRefusal(verifyAt(Number.NaN), 'timestamp_too_old')
  })

  test.each(['', '1.5', '-1', '+1', '0x10', '1e9', ' 1', '1764000000, 1764000000', 'now', '１'])(
    'webhook-timestamp: %j is none, though signed',
    async (timestamp) => {
      const code = timestamp === '' ? 'missing_header' : 'invalid_timestamp'
      await expectRefusal(verify(body, sign(body, [bySecret], timestamp), secret, options), code)
    },
  )

  test('a time beyond all numbers is too new', async () => {
    const headers = sign(body, [bySecret], '9'.repeat(400))
    await expectRefusal(verify(body, headers, secret, options), 'timestamp_too_new')
  })
})

describe('secrets', () => {
  const old = makePublicKey()
  const next = makePublicKey()

  test.each<[string, Signer[], string[]]>([
    ['the receiver changes first', [hmac('old')], ['new', 'old']],
    ['the sender signs with both', [hmac('old'), hmac('new')], ['new']],
    ['from a secret to a public key', [bySecret], [next.publicKey, secret]],
    ['from a secret to a public key, both sent', [bySecret, next.signer], [next.publicKey]],
    ['from a public key to the next', [old.signer, next.signer], [next.publicKey]],
  ])('rotation: %s', async (_, signers, secrets) => {
    expect(await verify(body, sign(body, signers), secrets, options)).toEqual(event)
  })

  test('versions that nobody knows yet are passed over', async () => {
    const { 'webhook-signature': signature, ...headers } = sign(body, [bySecret])
    const given = { ...headers, 'webhook-signature': `v9,abc v1 ,  v2,${signature.slice(3)} ${signature}` }
    expect(await verify(body, given, secret, options)).toEqual(event)
  })

  test('signatures beyond the sixteenth are not looked at', async () => {
    const others = Array.from({ length: 16 }, (_, n) => hmac(`other ${n}`))
    const last = sign(body, [...others.slice(1), bySecret])
    expect(await verify(body, last, secret, options)).toEqual(event)
    await expectRefusal(verify(body, sign(body, [...others, bySecret]), secret, options), 'invalid_signature')
  })

  test('a public key, being no secret, makes no HMAC', async () => {
    const raw = Buffer.from(old.publicKey.slice('whpk_'.length), 'base64')
    for (const forged of [hmac(old.publicKey), hmac(raw)]) {
      await expectRefusal(verify(body, sign(body, [forged]), old.publicKey, options), 'invalid_signature')
    }
    const hex = createHmac('sha256', old.publicKey).update(body).digest('hex')
    await expectRefusal(verifyKrafterSignature(body, `sha256=${hex}`, old.publicKey), 'invalid_secret')
  })

  test('an HMAC sent as v1a, or an Ed25519 signature as v1, is none', async () => {
    const asV1a: Signer = (content) => bySecret(content).replace('v1,', 'v1a,')
    const asV1: Signer = (content) => old.signer(content).replace('v1a,', 'v1,')
    const secrets = [secret, old.publicKey]
    await expectRefusal(verify(body, sign(body, [asV1a]), secrets, options), 'invalid_signature')
    await expectRefusal(verify(body, sign(body, [asV1]), secrets, options), 'invalid_signature')
  })

  test.each<[string, unknown]>([
    ['empty', ''],
    ['not set', undefined],
    ['null', null],
    ['no list entry', []],
    ['an empty one among others', [secret, '']],
    ['one not set among others', [secret, undefined]],
    ['whpk_ of 31 bytes', `whpk_${Buffer.alloc(31, 1).toString('base64')}`],
    ['whpk_ of 33 bytes', `whpk_${Buffer.alloc(33, 1).toString('base64')}`],
    ['whpk_ of no base64', `whpk_${'%'.repeat(44)}`],
    ['whpk_ alone, among others', [secret, 'whpk_']],
  ])('%s: invalid_secret', async (_, given) => {
    const headers = sign(body, [bySecret])
    await expectRefusal(verify(body, headers, given as WebhookSecret, options), 'invalid_secret')
  })
})

describe('refusals', () => {
  test.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])(
    'without %s: missing_header',
    async (name) => {
      const headers: Record<string, string> = sign(body, [bySecret])
      const without = new Headers(headers)
      without.delete(name)
      await expectRefusal(verify(body, without, secret, options), 'missing_header')
      await expectRefusal(verify(body, { ...headers, [name]: undefined }, secret, options), 'missing_header')
      await expectRefusal(verify(body, { ...headers, [name]: [] }, secret, options), 'missing_header')
      await expectRefusal(verify(body, { ...headers, [name]: '' }, secret, options), 'missing_header')
    },
  )

  test('headers of two deliveries are of none', async () => {
    const headers = sign(body, [bySecret])
    const doubled = { ...headers, 'webhook-id': [event.id, event.id] }
    await expectRefusal(verify(body, doubled, secret, options), 'invalid_signature')
  })

  test.each<[string, string]>([
    ['no JSON', '{"id":'],
    ['nothing', ''],
    ['null', 'null'],
    ['a string', '"event"'],
    ['a byte order mark', `\uFEFF${body}`],
    ['no id', JSON.stringify({ ...event, id: undefined })],
    ['an id that is a number', JSON.stringify({ ...event, id: 1 })],
    ['no event', JSON.stringify({ ...event, event: undefined })],
    ['no timestamp', JSON.stringify({ ...event, timestamp: undefined })],
    ['no data', JSON.stringify({ ...event, data: undefined })],
    ['data that is null', JSON.stringify({ ...event, data: null })],
    ['data that is a list', JSON.stringify({ ...event, data: [] })],
  ])('signed, but %s: invalid_body', async (_, content) => {
    await expectRefusal(verify(content, sign(content, [bySecret]), secret, options), 'invalid_body')
    await expectRefusal(verifyBatch(content, sign(content, [bySecret]), secret, options), 'invalid_body')
  })

  test('signed, but not UTF-8: invalid_body', async () => {
    const bytes = Buffer.from(body)
    bytes[body.indexOf('Sch')] = 0xff
    const signature = createHmac('sha256', Buffer.alloc(32, 7))
      .update(`${event.id}.${sentAtSeconds}.`)
      .update(bytes)
      .digest('base64')
    const headers = { ...sign(body, []), 'webhook-signature': `v1,${signature}` }
    await expectRefusal(verify(bytes, headers, secret, options), 'invalid_body')
  })

  test('the body is parsed after its signature was found good', async () => {
    await expectRefusal(verify('{', sign('{', [hmac('another')]), secret, options), 'invalid_signature')
    const batch = '[]'
    await expectRefusal(verify(batch, sign(batch, [hmac('another')]), secret, options), 'invalid_signature')
  })

  test('a parsed body is refused by name', async () => {
    const parsed = event as unknown as RawBody
    await expect(verify(parsed, sign(body, [bySecret]), secret, options)).rejects.toThrow(/as it arrived/)
    await expectRefusal(verify(parsed, sign(body, [bySecret]), secret, options), 'invalid_body')
    await expectRefusal(verifyKrafterSignature(parsed, 'sha256=', secret), 'invalid_body')
  })

  test('messages tell no secret', async () => {
    const given = 'whpk_dGVsbC1ub2JvZHk='
    const error = await verify(body, sign(body, [bySecret]), given, options).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'invalid_secret' })
    expect(`${error.stack}`).not.toContain('dGVsbC1ub2JvZHk')
  })
})

describe('batches', () => {
  const events = [
    event,
    { ...event, id: 'second', event: 'subscriber.registered' },
    { ...event, id: 'third' },
  ]
  const batch = JSON.stringify(events)
  const headers = { ...sign(batch, [bySecret]), 'x-krafter-batch': '3' }

  test('give their events in order', async () => {
    expect(await verifyBatch(batch, headers, secret, options)).toEqual(events)
  })

  test('a single event gives a list of one', async () => {
    expect(await verifyBatch(body, sign(body, [bySecret]), secret, options)).toEqual([event])
  })

  test('are refused where one event is expected', async () => {
    await expectRefusal(verify(batch, headers, secret, options), 'batch')
    const { 'x-krafter-batch': _, ...withoutCount } = headers
    await expectRefusal(verify(batch, withoutCount, secret, options), 'batch')
  })

  test('go by what is signed: the count alone makes no batch', async () => {
    const given = { ...sign(body, [bySecret]), 'x-krafter-batch': '1' }
    expect(await verify(body, given, secret, options)).toEqual(event)
  })

  test('one malformed event refuses the whole', async () => {
    const content = JSON.stringify([event, { ...event, data: 1 }])
    await expectRefusal(verifyBatch(content, sign(content, [bySecret]), secret, options), 'invalid_body')
    const nested = JSON.stringify([[event]])
    await expectRefusal(verifyBatch(nested, sign(nested, [bySecret]), secret, options), 'invalid_body')
  })

  test('are checked like single events', async () => {
    await expectRefusal(verifyBatch(`${batch} `, headers, secret, options), 'invalid_signature')
    await expectRefusal(verifyBatch(batch, {}, secret, options), 'missing_header')
    await expectRefusal(verifyBatch(batch, headers, secret), 'timestamp_too_old')
  })
})

describe('events of a newer server', () => {
  test.each(['notification.opened', 'toString', '__proto__', ''])(
    '%j verifies and is not known',
    async (name) => {
      const content = JSON.stringify({ ...event, event: name, data: { whatever: true }, more: 1 })
      const verified = await verify(content, sign(content, [bySecret]), secret, options)
      expect(verified).toEqual(JSON.parse(content))
      expect(isKnownEvent(verified)).toBe(false)
    },
  )
})

describe('verifyKrafterSignature', () => {
  const header = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`

  test('takes any form of body, and several secrets', async () => {
    const bytes = Buffer.from(body)
    for (const rawBody of [body, bytes, new Uint8Array(bytes), new Uint8Array(bytes).buffer]) {
      expect(await verifyKrafterSignature(rawBody, header, secret)).toBe(true)
    }
    expect(await verifyKrafterSignature(body, [header], ['another', secret])).toBe(true)
    expect(await verifyKrafterSignature(body, header, ['another'])).toBe(false)
  })

  test('the key is the secret as it stands, whsec_ or not', async () => {
    const decoded = createHmac('sha256', Buffer.alloc(32, 7)).update(body).digest('hex')
    expect(await verifyKrafterSignature(body, `sha256=${decoded}`, secret)).toBe(false)
  })

  test('any changed byte of header or body is refused', async () => {
    const bytes = Buffer.from(body)
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 255 }), async (n, flip) => {
        const changedHeader = Buffer.from(header, 'latin1')
        changedHeader[n % header.length]! ^= flip
        expect(await verifyKrafterSignature(body, changedHeader.toString('latin1'), secret)).toBe(false)
        const changedBody = new Uint8Array(bytes)
        changedBody[n % bytes.length]! ^= flip
        expect(await verifyKrafterSignature(changedBody, header, secret)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test.each([
    undefined,
    null,
    '',
    [],
    [header, header],
    header.slice(7),
    header.toUpperCase(),
    `${header}00`,
    `${header}\n`,
    header.slice(0, -2),
    header.replace('sha256', 'sha1'),
  ])('the header %j is refused', async (given) => {
    expect(await verifyKrafterSignature(body, given, secret)).toBe(false)
  })

  test('without a secret there is nothing to compare', async () => {
    await expectRefusal(verifyKrafterSignature(body, header, ''), 'invalid_secret')
    await expectRefusal(verifyKrafterSignature(body, header, []), 'invalid_secret')
  })
})
