/**
 * Lines cut into requests that InfluxDB can swallow, their order kept. Pure.
 *
 * It also covers a trap. InfluxDB looks for a line's end in one pass and reads the line in another, and the first goes
 * wrong where a tag holds both a backslash before a space or an equals sign and a quote, where a quote is never closed,
 * and where a backslash stands at the end: it runs on into the lines behind. Mostly InfluxDB then refuses them all
 * together, but two lines with a quote too few make one valid point of both, which is confirmed. Such a line is read
 * rightly, or refused by itself, when it is the last of its request; so nothing ever follows it there.
 */

/** Some 800 KB of ordinary points. */
export const LINES_PER_REQUEST = 10_000;
/** A single longer line goes alone. InfluxDB 1.x takes 25 MB, the usual proxy before it 1 MB. */
export const BYTES_PER_REQUEST = 1_000_000;

export function* inRequests<T extends { readonly line: string }>(entries: Iterable<T>): Generator<T[]> {
  let request: T[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const lineBytes = Buffer.byteLength(entry.line) + 1;
    if (request.length >= LINES_PER_REQUEST || (request.length > 0 && bytes + lineBytes > BYTES_PER_REQUEST)) {
      yield request;
      request = [];
      bytes = 0;
    }
    request.push(entry);
    bytes += lineBytes;
    if (runsOn(entry.line)) {
      yield request;
      request = [];
      bytes = 0;
    }
  }
  if (request.length > 0) yield request;
}

/**
 * Whether InfluxDB, in search of the end of this line, takes the next line for a part of it: scanLine in its
 * models/points.go, step by step. A backslash takes the byte behind it along, whatever that is; the key ends at the first
 * space so found; and behind it a quote counts where an equals sign began a value.
 */
export function runsOn(line: string): boolean {
  if (!line.includes('"') && !line.endsWith('\\')) return false;
  let quoted = false;
  let inFields = false;
  let equals = 0;
  let commas = 0;
  let at = 0;
  for (; at < line.length; at++) {
    const character = line[at];
    if (character === '\\') {
      at++;
      continue;
    }
    if (character === ' ') inFields = true;
    if (!inFields) continue;
    if (character === '=' && !quoted) equals++;
    else if (character === ',' && !quoted) commas++;
    else if (character === '"' && equals > commas) quoted = !quoted;
  }
  // A backslash at the very end took the newline along.
  return quoted || at > line.length;
}
