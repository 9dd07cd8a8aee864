import type { Command } from 'commander'
import { wholeNumberUpTo } from '../whole-number-argument.ts'
import { withService } from './service-command.ts'

const manage = () => import('./manage.ts')

/** Adds the commands that call a running service with an API key. */
export function addApiCommands(program: Command): void {
  addSend(program)
  addApps(program)
  addSubscribers(program)
  addWebhooks(program)
  addDeliveries(program)
}

function addSend(program: Command): void {
  withService(program.command('send'))
    .description('send a notification')
    .requiredOption('--title <text>', 'the title')
    .option('--body <text>', 'the text below the title')
    .option('--open <url>', 'what a click opens')
    .option('--icon <url>', 'an icon')
    .option('--image <url>', 'a large image')
    .option('--at <time>', 'when to send it, e.g. 2030-01-01T00:00:00Z; otherwise now')
    .option('--all', 'to every subscriber')
    .option('--users <ids>', 'to the devices of these users, comma-separated')
    .option('--tags <tags>', 'to subscribers with any of these tags, comma-separated')
    .option('--platforms <names>', 'to web, ios or android, comma-separated')
    .option('--wait', 'until it is sent; exit code 1 when it reaches nobody')
    .action(async (options) => (await import('./send.ts')).send(options))
}

function addApps(program: Command): void {
  const apps = program.command('apps').description('list, create, show and delete apps')
  withLimit(withService(apps.command('list')))
    .description('list apps')
    .action(async (options) => (await manage()).listApps(options))
  withService(apps.command('create <name>'))
    .description('create an app; its private VAPID key is shown once')
    .action(async (name, options) => (await manage()).createApp(name, options))
  withService(apps.command('show <id>'))
    .description('show an app')
    .action(async (id, options) => (await manage()).showApp(id, options))
  withService(apps.command('delete <id>'))
    .description('delete an app and everything in it')
    .option('--yes', 'yes, everything')
    .action(async (id, options) => (await manage()).deleteApp(id, options))
}

function addSubscribers(program: Command): void {
  const subscribers = program.command('subscribers').description('list, show and delete subscribers')
  withLimit(withService(subscribers.command('list')))
    .description('list subscribers')
    .option('--status <status>', 'active, inactive or unsubscribed')
    .option('--platform <platform>', 'web, ios or android')
    .action(async (options) => (await manage()).listSubscribers(options))
  withService(subscribers.command('show <id>'))
    .description('show a subscriber')
    .action(async (id, options) => (await manage()).showSubscriber(id, options))
  withService(subscribers.command('delete <id>'))
    .description('delete a subscriber')
    .action(async (id, options) => (await manage()).deleteSubscriber(id, options))
}

function addWebhooks(program: Command): void {
  const webhooks = program
    .command('webhooks')
    .description('list, create, enable, disable and delete webhooks')
  withService(webhooks.command('list'))
    .description('list webhooks')
    .action(async (options) => (await manage()).listWebhooks(options))
  withService(webhooks.command('create <to>'))
    .description('send events to this https URL')
    .requiredOption('--events <names>', 'comma-separated, e.g. notification.sent')
    .option('--secret-file <path>', 'a file with the secret, - for standard input (KRAFTER_WEBHOOK_SECRET)')
    .action(async (to, options) => (await manage()).createWebhook(to, options))
  withService(webhooks.command('enable [id]'))
    .description('send events again')
    .action(async (id, options) => (await manage()).setWebhookEnabled(true, id, options))
  withService(webhooks.command('disable [id]'))
    .description('send no events')
    .action(async (id, options) => (await manage()).setWebhookEnabled(false, id, options))
  withService(webhooks.command('delete <id>'))
    .description('delete a webhook')
    .action(async (id, options) => (await manage()).deleteWebhook(id, options))
  withService(program.command('test [webhook]'))
    .description('deliver a sample event to a webhook now; exit code 1 when it is not accepted')
    .option('--event <name>', "the event; otherwise the webhook's first")
    .action(async (id, options) => (await manage()).testWebhook(id, options))
}

function addDeliveries(program: Command): void {
  const deliveries = program.command('deliveries').description('look at deliveries to webhooks')
  withLimit(withService(deliveries.command('list [webhook]')))
    .description('list deliveries to a webhook')
    .option('--status <status>', 'pending, succeeded, failed or canceled')
    .action(async (webhook, options) => (await manage()).listDeliveries(webhook, options))
  withService(deliveries.command('show <id>'))
    .description('show a delivery with its attempts')
    .option('--webhook <id>', 'the webhook; may be left out when there is only one')
    .action(async (id, options) => (await manage()).showDelivery(id, options))
  withService(program.command('replay [webhook]'))
    .description('deliver events again: one delivery, or a period')
    .option('--delivery <id>', 'this delivery')
    .option('--since <time>', 'events from this time on, e.g. 2026-01-01T00:00:00Z')
    .option('--until <time>', 'events before this time')
    .action(async (webhook, options) => (await manage()).replay(webhook, options))
}

function withLimit(command: Command): Command {
  return command.option('--limit <n>', 'rows at most', wholeNumberUpTo(10_000), 50)
}
