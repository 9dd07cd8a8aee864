/** The text in both rows of a pair, of 2 bytes to 2 kB. */
export const textOf = (number: number) => `${number} `.repeat(1 + ((number * 37) % 400))
