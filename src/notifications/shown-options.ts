import { z } from 'zod'

/**
 * The options for which a browser's `showNotification` throws if their values are not valid. A browser accepts or
 * ignores all other fields of an override. https://notifications.spec.whatwg.org/#create-a-notification
 */
export const shownOptions = {
  title: z
    .string()
    .refine((title) => title.trim() !== '', 'must not be empty')
    .nullish()
    .describe('The title in browsers.'),
  dir: z.enum(['auto', 'ltr', 'rtl']).nullish().describe('The direction of the text.'),
  tag: z.string().nullish().describe('Replaces a shown notification with the same tag.'),
  silent: z.boolean().nullish().describe('Whether it makes no sound and does not vibrate.'),
  renotify: z
    .boolean()
    .nullish()
    .describe('Whether it alerts again when it replaces another one; needs `tag`.'),
  actions: z
    .array(
      z.looseObject({
        action: z.string().describe('What a click on it is called in `notification.clicked`.'),
        title: z.string().describe('The label of the button.'),
      }),
    )
    .nullish()
    .describe('Buttons in browsers.'),
  data: z.record(z.string(), z.unknown()).nullish().describe('Your data in browsers.'),
}

const shape = z.looseObject(shownOptions)

/** For {@link z.ZodType.superRefine}: refuses options that browsers accept separately but not together. */
export function checkShownTogether(override: z.infer<typeof shape>, context: z.RefinementCtx): void {
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message })
  if (override.silent && (override.vibrate ?? null) !== null) {
    refuse('vibrate', 'must not be given with silent')
  }
  if (override.renotify && override.tag === '') refuse('tag', 'must not be empty with renotify')
}
