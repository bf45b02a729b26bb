/**
 * Where one RESP2 value ends and the next begins, for a proxy that must tell requests and replies apart without touching
 * them. Fed with chunks as they come off a socket; answers whole values, each as the bytes it came in. Pure.
 */
export class RespFrames {
  #chunks: Buffer[] = [];
  #held = 0;
  /** No value can be complete before so many bytes are here: spares looking again at every chunk of a large one. */
  #needed = 1;

  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return [];
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    const frames: Buffer[] = [];
    this.#needed = 1;
    while (bytes.length > 0) {
      const end = endOfValue(bytes, 0);
      if (end > bytes.length) {
        this.#needed = end;
        break;
      }
      frames.push(bytes.subarray(0, end));
      bytes = bytes.subarray(end);
    }
    this.#chunks = bytes.length > 0 ? [bytes] : [];
    this.#held = bytes.length;
    return frames;
  }
}

/** Where the value that begins at `from` ends; beyond the bytes when it is not complete: so many are needed at least. */
function endOfValue(bytes: Buffer, from: number): number {
  const lineEnd = bytes.indexOf('\r\n', from, 'latin1');
  if (lineEnd < 0) return bytes.length + 1;
  const type = bytes[from];
  const afterLine = lineEnd + 2;
  if (type !== DOLLAR && type !== STAR) return afterLine;
  const count = Number(bytes.toString('latin1', from + 1, lineEnd));
  if (count < 0) return afterLine;
  if (type === DOLLAR) return afterLine + count + 2;
  let at = afterLine;
  for (let i = 0; i < count; i++) {
    if (at >= bytes.length) return bytes.length + 1;
    at = endOfValue(bytes, at);
    if (at > bytes.length) return at;
  }
  return at;
}

const DOLLAR = 0x24;
const STAR = 0x2a;

/** The arguments of a request, or the first `limit` of them; ioredis sends nothing but arrays of bulk strings. */
export function requestArguments(frame: Buffer, limit = Number.POSITIVE_INFINITY): Buffer[] {
  const found: Buffer[] = [];
  let lineEnd = frame.indexOf('\r\n', 0, 'latin1');
  const count = Math.min(limit, argumentCount(frame));
  for (let at = lineEnd + 2; found.length < count; at = lineEnd + 2) {
    lineEnd = frame.indexOf('\r\n', at, 'latin1');
    const length = Number(frame.toString('latin1', at + 1, lineEnd));
    found.push(frame.subarray(lineEnd + 2, lineEnd + 2 + length));
    lineEnd += length + 2;
  }
  return found;
}

export function argumentCount(frame: Buffer): number {
  return frame[0] === STAR ? Number(frame.toString('latin1', 1, frame.indexOf('\r\n', 0, 'latin1'))) : 0;
}

export function formatRequest(args: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) parts.push(Buffer.from(`$${arg.length}\r\n`), arg, Buffer.from('\r\n'));
  return Buffer.concat(parts);
}

/** Nothing is there: no entry was read. */
export function isNullReply(frame: Buffer): boolean {
  return frame.length === NULL_ARRAY.length && frame.equals(NULL_ARRAY);
}

const NULL_ARRAY = Buffer.from('*-1\r\n');

/** An error reply, such as NOSCRIPT: the command did nothing. */
export function isErrorReply(frame: Buffer): boolean {
  return frame[0] === 0x2d;
}
