import { wholeNumber } from '../whole-number.ts'

const defaultSeconds = 86_400
const maxSeconds = 604_800

/** @param effect what the previous secret still does during the overlap, e.g. “signs as well” */
export const overlapField = (effect: string) =>
  wholeNumber(0, maxSeconds)
    .default(defaultSeconds)
    .describe(`For how many seconds the previous secret ${effect}; default: a day.`)
