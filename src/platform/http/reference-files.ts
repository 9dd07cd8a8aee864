/** What `/docs` is, besides the viewer's script and the description that it shows; by their paths below it. */
export const referenceFiles: Record<string, { type: string; text: string }> = {
  '': {
    type: 'text/html; charset=utf-8',
    text: `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Krafter Push API</title>
    <link rel="icon" href="favicon.svg" type="image/svg+xml">
  </head>
  <body>
    <div id="app"></div>
    <script src="js/scalar.js"></script>
    <script src="js/start.js"></script>
  </body>
</html>
`,
  },
  'js/start.js': {
    type: 'text/javascript; charset=utf-8',
    text: `Scalar.createApiReference('#app', {
  url: './openapi.json',
  // Readers of this page are known to this service alone.
  telemetry: false,
  withDefaultFonts: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: 'never',
  customCss: '.scalar-app a[href*="scalar.com"] { display: none !important }',
})
`,
  },
  'favicon.svg': {
    type: 'image/svg+xml',
    text: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <rect width="32" height="32" rx="7" fill="#1f2937"/>
  <path d="M16 6a7 7 0 0 0-7 7v5l-2 4h18l-2-4v-5a7 7 0 0 0-7-7zm-3 18a3 3 0 0 0 6 0z" fill="#fff"/>
</svg>
`,
  },
}
