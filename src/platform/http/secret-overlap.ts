import { z } from 'zod'

const defaultSeconds = 86_400
const maxSeconds = 604_800

/** @param effect what the secret before it still does during the overlap, e.g. “signs as well” */
export const overlapField = (effect: string) =>
  z
    .int()
    .refine((seconds) => seconds >= 0 && seconds <= maxSeconds, `must be 0 to ${maxSeconds}`)
    .meta({ minimum: 0, maximum: maxSeconds })
    .default(defaultSeconds)
    .describe(`For how many seconds the previous secret ${effect}; default: a day.`)
