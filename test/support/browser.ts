import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const usualPaths = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
]

/** Chromium on this machine: `CHROMIUM_PATH`, or where packages put it. Undefined: there is none. */
export const chromiumPath: string | undefined = process.env.CHROMIUM_PATH || usualPaths.find(existsSync)

/** Why there is no browser to test in. */
export const noBrowser = `no browser: set CHROMIUM_PATH, or install Chromium (looked for ${usualPaths.join(', ')})`

/** A real one, without a window and without calls of its own. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
