import { InvalidArgumentError } from 'commander'

/** Parses an option's value: a whole number from 1 to `max`. */
export const wholeNumberUpTo = (max: number) => (value: string) => {
  const number = /^\d{1,10}$/.test(value) ? Number(value) : 0
  if (number >= 1 && number <= max) return number
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`)
}
