import { z } from 'zod'

/** A whole number in JSON, from `min` to `max`. */
export const wholeNumber = (min: number, max: number) =>
  z
    .int()
    .refine((value) => value >= min && value <= max, `must be ${min} to ${max}`)
    .meta({ minimum: min, maximum: max })

/** Like {@link wholeNumber}, but parsed from text, for queries and environment variables. */
export const wholeNumberText = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)
