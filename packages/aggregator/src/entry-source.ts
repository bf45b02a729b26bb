import { parseStreamEntry, type StreamEntry } from '@weir/common/batch';
import { CONSUMER_GROUP } from '@weir/common/keys';
import { redisFault, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/**
 * Where a partition's entries come from: new ones, this consumer's own pending ones, and those taken over from others.
 * Delivery alone counts nothing and loses nothing; an entry stays pending until a fold acks it.
 */
export interface EntrySource {
  /** Creates the consumer group at the very beginning of the stream, where there is none. */
  ensureGroup(): Promise<void>;
  /** Entries never delivered before; waits up to `blockMs` for the first. */
  readNew(count: number, blockMs: number): Promise<ReadEntry[]>;
  /** This consumer's pending entries after an id. Redis counts that as another delivery and sets their idle time to 0. */
  readOwnPending(afterId: string, count: number): Promise<ReadEntry[]>;
  /** Consumers with pending entries, and how many. */
  pendingByConsumer(): Promise<Map<string, number>>;
  /** Takes over a consumer's entries whatever their idle time; those deleted from the stream are named, too. */
  claimFrom(consumer: string, count: number): Promise<ReadEntry[]>;
  /** Takes over whosever entries idle for long enough, a page at a time; the cursor is '0-0' at both ends. */
  claimIdle(cursor: string, idleMs: number, count: number): Promise<IdlePage>;
  /** How often entries that are this consumer's now were delivered. */
  deliveries(ids: readonly string[]): Promise<Map<string, number>>;
  /** See suspect.lua. */
  markSuspect(id: string, alive: readonly string[]): Promise<'process' | 'wait' | 'unreadable'>;
  /** Acks entries that are no longer in the stream; whatever they held is lost, so the caller raises an alarm. */
  ackDeleted(ids: readonly string[]): Promise<void>;
  /** Ends a read that waits, without losing what it may just be given. */
  unblock(): Promise<void>;
}

/** `entry` is undefined when the entry was deleted under us; `readable` is false when it is no batch of ours. */
export interface ReadEntry {
  id: string;
  entry: StreamEntry | undefined;
  readable: boolean;
}

export interface IdlePage {
  cursor: string;
  entries: ReadEntry[];
  /** Pending entries that no longer are in the stream; Redis has dropped them from the list. */
  deletedIds: string[];
}

export interface RedisEntrySourceOptions {
  /** Blocks; used by nothing else. */
  reader: Redis;
  commands: Redis;
  stream: string;
  suspects: string;
  consumer: string;
  /** Random, of this process's start. */
  incarnation: string;
  /** Solo crashes after which an entry is unreadable. */
  suspectCrashes: number;
}

/** More than a consumer ever has in hand. */
const MAX_PENDING = 100_000;

type RawEntry = [id: Buffer, fields: Buffer[] | null];

const STORE_DIR = new URL('./store/', import.meta.url).href;
const SUSPECT = Script.beside(STORE_DIR, 'suspect');
const CLAIM_FROM = Script.beside(STORE_DIR, 'claim-from');

export class RedisEntrySource implements EntrySource {
  readonly #options: RedisEntrySourceOptions;
  #readerId: number | undefined;

  constructor(options: RedisEntrySourceOptions) {
    this.#options = options;
    options.reader.on('ready', () => {
      this.#readerId = undefined;
    });
  }

  /**
   * When memory is short Redis refuses this, also where the group is there. That keeps nobody from anything: whatever was
   * read then could not be folded.
   */
  async ensureGroup(): Promise<void> {
    const { commands, stream } = this.#options;
    try {
      await commands.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    } catch (error) {
      const fault = redisFault(error);
      if (fault.code !== 'redis-busygroup') throw fault;
    }
  }

  async readNew(count: number, blockMs: number): Promise<ReadEntry[]> {
    const { reader } = this.#options;
    try {
      this.#readerId ??= await reader.client('ID');
    } catch (error) {
      throw redisFault(error);
    }
    return this.#read(reader, ['COUNT', count, 'BLOCK', blockMs], '>');
  }

  readOwnPending(afterId: string, count: number): Promise<ReadEntry[]> {
    return this.#read(this.#options.commands, ['COUNT', count], afterId);
  }

  async pendingByConsumer(): Promise<Map<string, number>> {
    const reply = await this.#call<[number, unknown, unknown, [Buffer, Buffer][] | null]>('XPENDING', [
      this.#options.stream,
      CONSUMER_GROUP,
    ]);
    return new Map((reply[3] ?? []).map(([name, count]) => [name.toString(), Number(count.toString())]));
  }

  async claimFrom(consumer: string, count: number): Promise<ReadEntry[]> {
    const { commands, stream, consumer: me } = this.#options;
    const reply = await CLAIM_FROM.run(commands, [stream], [CONSUMER_GROUP, consumer, me, count]);
    const [ids, gone] = (reply as [Buffer[], Buffer[]]).map((list) => list.map(String)) as [string[], string[]];
    const taken = ids.filter((id) => !gone.includes(id));
    // They are this consumer's already: this gives what they hold, and counts the delivery.
    const claim = (): Promise<RawEntry[]> => this.#call('XCLAIM', [stream, CONSUMER_GROUP, me, 0, ...taken]);
    const entries = new Map((taken.length === 0 ? [] : await claim()).map((raw) => [raw[0].toString(), parse(raw)]));
    // In their order; one that was acked since is in neither list.
    return ids.flatMap((id) => (gone.includes(id) ? deletedEntry(id) : (entries.get(id) ?? [])));
  }

  async claimIdle(cursor: string, idleMs: number, count: number): Promise<IdlePage> {
    const { stream, consumer } = this.#options;
    const [next, entries, deleted] = await this.#call<[Buffer, RawEntry[], Buffer[]?]>('XAUTOCLAIM', [
      stream,
      CONSUMER_GROUP,
      consumer,
      idleMs,
      cursor,
      'COUNT',
      count,
    ]);
    return { cursor: next.toString(), entries: entries.map(parse), deletedIds: (deleted ?? []).map(String) };
  }

  async deliveries(ids: readonly string[]): Promise<Map<string, number>> {
    const { stream, consumer } = this.#options;
    const counts = new Map<string, number>();
    if (ids.length === 0) return counts;
    const rows = await this.#call<[Buffer, Buffer, number, number][]>('XPENDING', [
      stream,
      CONSUMER_GROUP,
      ids[0]!,
      ids[ids.length - 1]!,
      // Not as many as there are ids: others of this consumer's may lie between them.
      MAX_PENDING,
      consumer,
    ]);
    for (const [id, , , deliveries] of rows) counts.set(id.toString(), deliveries);
    return counts;
  }

  async markSuspect(id: string, alive: readonly string[]): Promise<'process' | 'wait' | 'unreadable'> {
    const { commands, suspects, incarnation, suspectCrashes } = this.#options;
    const reply = await SUSPECT.run(commands, [suspects], [id, incarnation, suspectCrashes, ...alive]);
    return String(reply) as 'process' | 'wait' | 'unreadable';
  }

  async ackDeleted(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#call('XACK', [this.#options.stream, CONSUMER_GROUP, ...ids]);
  }

  async unblock(): Promise<void> {
    if (this.#readerId !== undefined) await this.#call('CLIENT', ['UNBLOCK', this.#readerId]);
  }

  async #read(redis: Redis, options: (string | number)[], id: string): Promise<ReadEntry[]> {
    const { stream, consumer } = this.#options;
    try {
      const reply = (await redis.callBuffer(
        'XREADGROUP',
        'GROUP',
        CONSUMER_GROUP,
        consumer,
        ...options,
        'STREAMS',
        stream,
        id,
      )) as [Buffer, RawEntry[]][] | null;
      return (reply?.[0]?.[1] ?? []).map(parse);
    } catch (error) {
      throw redisFault(error);
    }
  }

  async #call<T>(command: string, args: (string | number)[]): Promise<T> {
    try {
      return (await this.#options.commands.callBuffer(command, ...args)) as T;
    } catch (error) {
      throw redisFault(error);
    }
  }
}

function parse([idBytes, fields]: RawEntry): ReadEntry {
  const id = idBytes.toString();
  if (!fields) return deletedEntry(id);
  const entry = parseStreamEntry(id, fields);
  if (entry) return { id, entry, readable: true };
  // Kept as it is, for the dead letter. It was never received by a relay, so it holds no lines for the ledger.
  const raw = Buffer.concat(fields.flatMap((field) => [field, Buffer.from('\n')]));
  return { id, entry: { id, batch: '', receivedMs: 0, lineCount: 0, lines: raw }, readable: false };
}

function deletedEntry(id: string): ReadEntry {
  return { id, entry: undefined, readable: false };
}
