/**
 * Whether bytes[start, end) are well-formed UTF-8 (Unicode's table 3-7: no overlong forms, no surrogates, nothing above
 * U+10FFFF). Plain code on bytes, because it is asked for every line that is not ASCII and must not copy any of them.
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at++]!;
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const rest = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (at + rest > end) return false;
    // Only the second byte has bounds of its own: they keep overlong forms, surrogates and too large values out.
    const second = bytes[at]!;
    const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) return false;
    for (let i = 1; i < rest; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return false;
    at += rest;
  }
  return true;
}
