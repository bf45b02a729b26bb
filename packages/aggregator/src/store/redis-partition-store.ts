import { randomBytes } from 'node:crypto';
import { CONSUMER_GROUP, type PartitionKeys, partitionKeys } from '@weir/common/keys';
import { redisFault, Script, type ScriptArgument } from '@weir/common/redis';
import { SEALED_CHUNK, windowIndex } from '@weir/common/window';
import type { Redis } from 'ioredis';
import type { FoldPlan } from '../fold-plan.ts';
import type { Version } from '../log-codec.ts';
import {
  type DirtyWindow,
  type FoldReply,
  formatVersion,
  type KnownLog,
  type PartitionStore,
  type PartitionStoreOptions,
  type PartitionView,
  parseMeta,
  parseVersion,
  type SealReply,
  type WindowMeta,
  type WindowReply,
  type WindowsReply,
} from './partition-store.ts';

const SCRIPTS = {
  fold: Script.beside(import.meta.url, 'fold'),
  readWindows: Script.beside(import.meta.url, 'read-windows'),
  publish: Script.beside(import.meta.url, 'publish'),
  observe: Script.beside(import.meta.url, 'observe'),
  dirty: Script.beside(import.meta.url, 'dirty'),
  seal: Script.beside(import.meta.url, 'seal'),
  drop: Script.beside(import.meta.url, 'drop'),
  trim: Script.beside(import.meta.url, 'trim'),
};

/** The partition store on a real Redis: arguments in, replies out, nothing decided here. */
export class RedisPartitionStore implements PartitionStore {
  readonly partition: number;
  readonly #redis: Redis;
  readonly #keys: PartitionKeys;
  readonly #options: PartitionStoreOptions;

  constructor(redis: Redis, partition: number, options: PartitionStoreOptions) {
    this.partition = partition;
    this.#redis = redis;
    this.#keys = partitionKeys(options.prefix, partition);
    this.#options = options;
  }

  async fold(plan: FoldPlan, seed: string): Promise<FoldReply> {
    const keys = this.#keys;
    const { windowSec, latenessMs, maxOldWindows, maxLogBytes: _, chunkBytes, maxDeadBytes } = this.#options;
    const args: ScriptArgument[] = [keys.base, CONSUMER_GROUP, seed, windowSec, latenessMs, maxOldWindows];
    args.push(chunkBytes, maxDeadBytes, plan.counted, plan.duplicates);
    args.push(plan.items.some((item) => item.suspect) ? 1 : 0, newStamp());
    args.push(plan.items.length, plan.windows.length, plan.deadLetters.length);
    for (const { entry } of plan.items) args.push(entry.id);
    for (const window of plan.windows) {
      const delta = 'delta' in window ? window.delta : undefined;
      args.push(window.startSec, window.claim, window.claim === 'open' ? formatVersion(window.version) : '');
      args.push(delta ? formatVersion(delta.version) : '', delta ? delta.record : '');
    }
    for (const { entry, reason, lineCount, lines } of plan.deadLetters) {
      args.push(reason, entry.id, entry.batch, entry.receivedMs, lineCount, lines);
    }
    const reply = (await SCRIPTS.fold.run(
      this.#redis,
      [
        keys.stream,
        keys.seed,
        keys.windows,
        keys.open,
        keys.counters,
        keys.dead,
        keys.suspects,
        keys.dirty,
        keys.stamp,
        keys.birth,
      ],
      args,
    )) as [Buffer, number, ...(Buffer | number)[]];
    const kind = reply[0].toString();
    const nowMs = reply[1];
    switch (kind) {
      case 'folded':
      case 'verdict':
        return { kind, nowMs, openOldWindows: reply[2] as number };
      case 'seed':
        return { kind, nowMs, seed: String(reply[2]) };
      case 'pending':
        return { kind, nowMs, ids: reply.slice(2).map(String) };
      case 'window':
        return { kind, nowMs, startSec: Number(String(reply[2])) };
      default:
        throw new RangeError(`fold.lua answered ${kind}`);
    }
  }

  async readWindows(windows: readonly KnownLog[], maxBytes: number): Promise<WindowsReply> {
    const { windowSec, latenessMs, chunkBytes } = this.#options;
    const args: ScriptArgument[] = [this.#keys.base, windowSec, latenessMs, chunkBytes, maxBytes];
    for (const { startSec, version } of windows) {
      args.push(startSec, version.length, Buffer.from(version.nonce, 'hex'));
    }
    const { seed, windows: metas, open } = this.#keys;
    const reply = await SCRIPTS.readWindows.run(this.#redis, [seed, metas, open], args);
    const [nowMs, seedBytes, openOldWindows, ...rest] = reply as [number, Buffer, number, ...RawWindow[]];
    return {
      nowMs,
      seed: seedBytes.length > 0 ? seedBytes.toString() : undefined,
      openOldWindows,
      windows: rest.map(parseWindow),
    };
  }

  async dirtyWindows(): Promise<{ nowMs: number; windows: DirtyWindow[] }> {
    const reply = await SCRIPTS.dirty.run(this.#redis, [this.#keys.dirty, this.#keys.windows], []);
    const [nowMs, ...rest] = reply as [number, ...Buffer[]];
    const windows: DirtyWindow[] = [];
    for (let i = 0; i < rest.length; i += 2) {
      const meta = rest[i + 1]!;
      windows.push({
        startSec: Number(rest[i]!.toString()),
        meta: meta.length > 0 ? parseMeta(meta.toString()) : undefined,
      });
    }
    return { nowMs, windows };
  }

  async publish(startSec: number, version: Version, totals: Buffer): Promise<boolean> {
    const { windows, published, dirty, stamp } = this.#keys;
    const reply = await SCRIPTS.publish.run(
      this.#redis,
      [windows, published, dirty, stamp, this.#keys.totals(startSec)],
      [startSec, formatVersion(version), totals, newStamp()],
    );
    return reply === 1;
  }

  async publishedTotals(startSec: number): Promise<Buffer | undefined> {
    try {
      return (await this.#redis.getBuffer(this.#keys.totals(startSec))) ?? undefined;
    } catch (error) {
      throw redisFault(error);
    }
  }

  async meta(startSec: number): Promise<WindowMeta | undefined> {
    try {
      const text = await this.#redis.hget(this.#keys.windows, String(startSec));
      return text === null ? undefined : parseMeta(text);
    } catch (error) {
      throw redisFault(error);
    }
  }

  async observe(stamp: string): Promise<PartitionView | undefined> {
    const { stamp: stampKey, windows, published, birth: birthKey } = this.#keys;
    const reply = await SCRIPTS.observe.run(this.#redis, [stampKey, windows, published, birthKey], [stamp]);
    const [now, metas, versions, birth] = reply as [Buffer, Buffer[]?, Buffer[]?, Buffer?];
    if (!metas || !versions || !birth) return undefined;
    const publishedVersions = new Map<string, Version>();
    for (let i = 0; i < versions.length; i += 2) {
      publishedVersions.set(versions[i]!.toString(), parseVersion(versions[i + 1]!.toString()));
    }
    const view: PartitionView = { stamp: now.toString(), birth: birth.toString(), open: new Map() };
    for (let i = 0; i < metas.length; i += 2) {
      const start = metas[i]!.toString();
      const { openedMs } = parseMeta(metas[i + 1]!.toString());
      view.open.set(Number(start), { openedMs, published: publishedVersions.get(start) });
    }
    return view;
  }

  async seal(
    startSec: number,
    { dueMs, foldedMs, birth }: { dueMs: number; foldedMs: number; birth: string },
  ): Promise<SealReply> {
    const { key, bit } = this.#sealedBit(startSec);
    const reply = await SCRIPTS.seal.run(
      this.#redis,
      [this.#keys.stream, key, this.#keys.birth, this.#keys.stamp],
      [CONSUMER_GROUP, bit, Math.ceil(dueMs), Math.ceil(foldedMs), birth, newStamp()],
    );
    return String(reply) as SealReply;
  }

  async drop(startSec: number): Promise<'dropped' | 'gone' | 'not-sealed'> {
    const { key, bit } = this.#sealedBit(startSec);
    const { windows, open, published, dirty, stamp, base } = this.#keys;
    const reply = await SCRIPTS.drop.run(
      this.#redis,
      [windows, open, published, dirty, stamp, this.#keys.totals(startSec), key],
      [base, startSec, bit, this.#options.chunkBytes, newStamp()],
    );
    return reply === 1 ? 'dropped' : reply === 0 ? 'gone' : 'not-sealed';
  }

  async trim(): Promise<number> {
    return (await SCRIPTS.trim.run(this.#redis, [this.#keys.stream, this.#keys.suspects], [])) as number;
  }

  #sealedBit(startSec: number): { key: string; bit: number } {
    const index = windowIndex(startSec, this.#options.windowSec);
    return { key: `${this.#keys.base}sealed:${Math.floor(index / SEALED_CHUNK)}`, bit: index % SEALED_CHUNK };
  }
}

type RawWindow = [state: Buffer, meta: Buffer, offset: number, log: Buffer];

function parseWindow([state, meta, offset, log]: RawWindow): WindowReply {
  const kind = state.toString();
  const part = meta.length > 0 ? { meta: parseMeta(meta.toString()), offset, log } : undefined;
  if (kind === 'open' && part) return { kind, ...part };
  if (kind === 'sealed') return part ? { kind, part } : { kind };
  if (kind === 'absent') return { kind };
  throw new RangeError(`read-windows.lua answered ${kind}`);
}

/** Any value that never came before: whoever knew the old one sees that something changed. */
function newStamp(): string {
  return randomBytes(8).toString('hex');
}
