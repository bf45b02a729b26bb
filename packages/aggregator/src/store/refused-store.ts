import { createHash } from 'node:crypto';
import { refusedKeys } from '@weir/common/keys';
import type { Logger } from '@weir/common/logger';
import { passingFault, redisFault, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/**
 * The dead letters of sinks: points and lines that a sink refuses whatever is tried, kept in one stream of the deployment
 * so that somebody can look at them, and send them again once the cause is gone. The same point at the same value, or
 * the same line, is kept once per sink however often it is refused. It is never a reason to wait: what Redis does not take
 * is counted as not kept.
 */
export interface RefusedStoreOptions {
  redis: Redis;
  prefix: string;
  /** Of the stream; the oldest letters go when it is more. */
  maxBytes: number;
  /** The aggregator that says so. */
  by: string;
  events: RefusedEvents;
  logger: Logger;
}

export interface RefusedEvents {
  /** Each once, as far as the stream still knows it. */
  kept(sink: string, kind: RefusalKind, letters: number): void;
  notKept(sink: string, kind: RefusalKind, letters: number): void;
  /** Over the bound, the oldest first. */
  dropped(letters: number): void;
}

/** A point of a window's totals, or an other line that was passed on. */
export type RefusalKind = 'totals' | 'line';

export interface Refusal {
  /** Line protocol, with its timestamp in nanoseconds. */
  readonly line: string;
  /** The sink's words. */
  readonly reason: string;
}

const ADD = Script.beside(import.meta.url, 'add-refused');
/** One run of the script is to keep Redis busy for some milliseconds at most. */
const LETTERS_AT_ONCE = 200;
const BYTES_AT_ONCE = 256 * 1024;
const MAX_REASON_LENGTH = 400;
/** What Redis needs for a letter besides its texts, its place among the known ones included. */
const LETTER_BYTES = 200;

export class RefusedStore {
  readonly #options: RefusedStoreOptions;

  constructor(options: RefusedStoreOptions) {
    this.#options = options;
  }

  /** Resolves also where Redis takes nothing; rejects only with what is a bug. */
  async add(sink: string, kind: RefusalKind, refusals: readonly Refusal[]): Promise<void> {
    const letters = refusals.map((refusal) => this.#letterOf(sink, kind, refusal));
    const surplus = surplusOf(letters, this.#options.maxBytes);
    let dropped = surplus;
    for (const some of inParts(letters.slice(surplus))) dropped += await this.#addSome(sink, kind, some);
    if (dropped === 0) return;
    this.#options.events.dropped(dropped);
    this.#options.logger.warn({ sink, letters: dropped }, 'letters of refused points dropped: over --max-refused');
  }

  /** Answers how many older ones went. */
  async #addSome(sink: string, kind: RefusalKind, letters: readonly Letter[]): Promise<number> {
    const { redis, prefix, maxBytes, by, events, logger } = this.#options;
    const keys = refusedKeys(prefix);
    const args = letters.flatMap(({ id, bytes, line, reason }) => [id, bytes, sink, kind, line, reason]);
    try {
      const reply = await ADD.run(redis, [keys.letters, keys.known], [maxBytes, by, ...args]);
      const [kept, dropped] = reply as [number, number];
      if (kept > 0) events.kept(sink, kind, kept);
      return dropped;
    } catch (error) {
      const fault = passingFault(error);
      if (!fault) throw error;
      events.notKept(sink, kind, letters.length);
      logger.warn({ err: fault, sink, letters: letters.length }, 'refused points could not be kept');
      return 0;
    }
  }

  #letterOf(sink: string, kind: RefusalKind, { line, reason }: Refusal): Letter {
    const id = createHash('sha1')
      .update(JSON.stringify([sink, kind, line]))
      .digest('base64')
      .slice(0, 16);
    const words = reason.slice(0, MAX_REASON_LENGTH);
    const bytes = LETTER_BYTES + Buffer.byteLength(sink + kind + line + words + this.#options.by);
    return { id, bytes, line, reason: words };
  }
}

interface Letter {
  /** The same for the same point or line of the same sink. */
  id: string;
  bytes: number;
  line: string;
  reason: string;
}

/** Letters at the beginning that the bound would drop as soon as the last one is there. */
function surplusOf(letters: readonly Letter[], maxBytes: number): number {
  let bytes = 0;
  let first = letters.length;
  while (first > 0) {
    bytes += letters[first - 1]!.bytes;
    if (bytes > maxBytes && first < letters.length) break;
    first--;
  }
  return first;
}

function* inParts(letters: readonly Letter[]): Generator<Letter[]> {
  let part: Letter[] = [];
  let bytes = 0;
  for (const letter of letters) {
    if (part.length >= LETTERS_AT_ONCE || (part.length > 0 && bytes + letter.bytes > BYTES_AT_ONCE)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(letter);
    bytes += letter.bytes;
  }
  if (part.length > 0) yield part;
}

/** How many letters the stream holds. Rejects with a RedisFault. */
export async function countRefused(redis: Redis, prefix: string): Promise<number> {
  try {
    return await redis.xlen(refusedKeys(prefix).letters);
  } catch (error) {
    throw redisFault(error);
  }
}
