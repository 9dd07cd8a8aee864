import { z } from 'zod'

/**
 * What `showNotification` of browsers throws at, and so must be as it is here; whatever else an override has, a browser
 * takes or ignores. https://notifications.spec.whatwg.org/#create-a-notification
 */
export const shownOptions = {
  title: z
    .string()
    .refine((title) => title.trim() !== '', 'must not be empty')
    .nullish(),
  dir: z.enum(['auto', 'ltr', 'rtl']).nullish(),
  tag: z.string().nullish(),
  silent: z.boolean().nullish(),
  renotify: z.boolean().nullish(),
  actions: z.array(z.looseObject({ action: z.string(), title: z.string() })).nullish(),
  data: z.record(z.string(), z.unknown()).nullish(),
}

const shape = z.looseObject(shownOptions)

/** For {@link z.ZodType.superRefine}: what browsers take each of, and not together. */
export function checkShownTogether(override: z.infer<typeof shape>, context: z.RefinementCtx): void {
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message })
  if (override.silent && (override.vibrate ?? null) !== null) {
    refuse('vibrate', 'must not be given with silent')
  }
  if (override.renotify && override.tag === '') refuse('tag', 'must not be empty with renotify')
}
