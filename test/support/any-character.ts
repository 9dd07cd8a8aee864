import fc from 'fast-check'

/** Any character of Unicode, half of them ASCII: a unit for `fc.string`. fast-check's own (`binary`) takes seconds to make. */
export const anyCharacter = fc
  .oneof(fc.nat(0x7f), fc.nat(0x10ffff - 0x800))
  // Halves of surrogate pairs are no characters.
  .map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800))
