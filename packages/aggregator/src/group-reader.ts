import { parseStreamEntry, type StreamEntry } from '@weir/common/batch';
import { redisFault, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/**
 * One consumer of a consumer group on a stream of batches: new entries, this consumer's own pending ones, and those taken
 * over from others. Delivery alone does nothing and loses nothing; an entry stays pending until somebody acks it. Events
 * and other lines are both read through this.
 */
export interface GroupReader {
  /** Creates the consumer group at the very beginning of the stream, where there is none. */
  ensureGroup(): Promise<void>;
  /** Entries never delivered before; waits up to `blockMs` for the first, or not at all. */
  readNew(count: number, blockMs?: number): Promise<ReadEntry[]>;
  /** This consumer's pending entries after an id. Redis counts that as another delivery and sets their idle time to 0. */
  readOwnPending(afterId: string, count: number): Promise<ReadEntry[]>;
  /** Consumers with pending entries, and how many. */
  pendingByConsumer(): Promise<Map<string, number>>;
  /** Takes over a consumer's entries whatever their idle time; those deleted from the stream are named, too. */
  claimFrom(consumer: string, count: number): Promise<ReadEntry[]>;
  /** Takes over whosever entries idle for long enough, a page at a time; the cursor is '0-0' at both ends. */
  claimIdle(cursor: string, idleMs: number, count: number): Promise<IdlePage>;
  /** Of what was deleted from the stream (its lines are lost, so the caller raises an alarm), or what needs no fold. */
  ack(ids: readonly string[]): Promise<void>;
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

export interface RedisGroupReaderOptions {
  /** Blocks; used by nothing else. Absent where nobody waits for entries. */
  reader?: Redis;
  commands: Redis;
  stream: string;
  group: string;
  consumer: string;
}

type RawEntry = [id: Buffer, fields: Buffer[] | null];

const CLAIM_FROM = Script.beside(new URL('./store/', import.meta.url).href, 'claim-from');

export class RedisGroupReader implements GroupReader {
  readonly #options: RedisGroupReaderOptions;
  #readerId: number | undefined;

  constructor(options: RedisGroupReaderOptions) {
    this.#options = options;
    options.reader?.on('ready', () => {
      this.#readerId = undefined;
    });
  }

  /**
   * When memory is short Redis refuses this, also where the group is there. That keeps nobody from anything: whatever was
   * read then could not be folded.
   */
  async ensureGroup(): Promise<void> {
    const { commands, stream, group } = this.#options;
    try {
      await commands.xgroup('CREATE', stream, group, '0', 'MKSTREAM');
    } catch (error) {
      const fault = redisFault(error);
      if (fault.code !== 'redis-busygroup') throw fault;
    }
  }

  async readNew(count: number, blockMs?: number): Promise<ReadEntry[]> {
    const { reader, commands } = this.#options;
    if (reader === undefined || blockMs === undefined) return this.#read(commands, ['COUNT', count], '>');
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
    const reply = await this.call<[number, unknown, unknown, [Buffer, Buffer][] | null]>('XPENDING', [
      this.#options.stream,
      this.#options.group,
    ]);
    return new Map((reply[3] ?? []).map(([name, count]) => [name.toString(), Number(count.toString())]));
  }

  async claimFrom(consumer: string, count: number): Promise<ReadEntry[]> {
    const { commands, stream, group, consumer: me } = this.#options;
    const reply = await CLAIM_FROM.run(commands, [stream], [group, consumer, me, count]);
    const [ids, gone] = (reply as [Buffer[], Buffer[]]).map((list) => list.map(String)) as [string[], string[]];
    const taken = ids.filter((id) => !gone.includes(id));
    // They are this consumer's already: this gives what they hold, and counts the delivery.
    const claim = (): Promise<RawEntry[]> => this.call('XCLAIM', [stream, group, me, 0, ...taken]);
    const entries = new Map((taken.length === 0 ? [] : await claim()).map((raw) => [raw[0].toString(), parse(raw)]));
    // In their order; one that was acked since is in neither list.
    return ids.flatMap((id) => (gone.includes(id) ? deletedEntry(id) : (entries.get(id) ?? [])));
  }

  async claimIdle(cursor: string, idleMs: number, count: number): Promise<IdlePage> {
    const { stream, group, consumer } = this.#options;
    const [next, entries, deleted] = await this.call<[Buffer, RawEntry[], Buffer[]?]>('XAUTOCLAIM', [
      stream,
      group,
      consumer,
      idleMs,
      cursor,
      'COUNT',
      count,
    ]);
    return { cursor: next.toString(), entries: entries.map(parse), deletedIds: (deleted ?? []).map(String) };
  }

  async ack(ids: readonly string[]): Promise<void> {
    const { stream, group } = this.#options;
    if (ids.length > 0) await this.call('XACK', [stream, group, ...ids]);
  }

  /** Ends a read that waits, without losing what it may just be given. */
  async unblock(): Promise<void> {
    if (this.#readerId !== undefined) await this.call('CLIENT', ['UNBLOCK', this.#readerId]);
  }

  /** Rejects with a RedisFault. */
  protected async call<T>(command: string, args: (string | number)[]): Promise<T> {
    try {
      return (await this.#options.commands.callBuffer(command, ...args)) as T;
    } catch (error) {
      throw redisFault(error);
    }
  }

  async #read(redis: Redis, options: (string | number)[], id: string): Promise<ReadEntry[]> {
    const { stream, group, consumer } = this.#options;
    try {
      const reply = (await redis.callBuffer(
        'XREADGROUP',
        'GROUP',
        group,
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
