import { randomBytes } from 'node:crypto';
import { sinkWindowKey } from '@weir/common/keys';
import { redisFault, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import type { Version } from '../log-codec.ts';
import type { SettleBooks } from '../seal-plan.ts';
import { formatVersion, parseVersion } from './partition-store.ts';

/**
 * One sink's books of its windows: which versions it confirmed, whose write is under way, whether the final record is
 * settled. InfluxDB cannot refuse an old write, so the books make sure that a write counts only when no other one can
 * have overlapped it; the rest is reading back.
 */
export interface SinkBooks {
  read(startSec: number): Promise<WindowBooks>;
  begin(startSec: number, alive: readonly string[]): Promise<WriteIntent | 'busy'>;
  /** False when the intent was revoked meanwhile: the write did not count, and the window is to be written again. */
  confirm(startSec: number, intent: WriteIntent, versions: ReadonlyMap<number, Version>): Promise<boolean>;
  settle(startSec: number, intent: WriteIntent): Promise<boolean>;
  check(startSec: number, intent: WriteIntent): Promise<boolean>;
  /** Nothing was sent. */
  cancel(startSec: number, intent: WriteIntent): Promise<void>;
  /** Something was sent and nobody knows what became of it. */
  abandon(startSec: number, intent: WriteIntent): Promise<void>;
  /** `reason` is kept: 'settled', or 'given-up'. */
  finish(startSec: number, reason: 'settled' | 'given-up'): Promise<void>;
  remove(startSec: number): Promise<void>;
}

export interface WindowBooks extends SettleBooks {
  /** By partition. */
  confirmed: Map<number, Version>;
}

export interface WriteIntent {
  token: string;
  /** A write of this window was given up earlier and may still land: confirm only what was read back. */
  abandoned: boolean;
  /** Token of the write of this window that ended last; undefined where there was none, or Redis has forgotten it. */
  lastWrite: string | undefined;
}

const BEGIN = Script.beside(import.meta.url, 'begin-write');
const END = Script.beside(import.meta.url, 'end-write');
const FINISH = Script.beside(import.meta.url, 'finish-window');
const CONFIRMED = 'confirmed:';

const msOf = (field: string | undefined): number | undefined => (field === undefined ? undefined : Number(field));

export class RedisSinkBooks implements SinkBooks {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #sink: string;
  readonly #incarnation: string;

  constructor(redis: Redis, prefix: string, sink: string, incarnation: string) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#sink = sink;
    this.#incarnation = incarnation;
  }

  async read(startSec: number): Promise<WindowBooks> {
    try {
      const fields = await this.#redis.hgetall(this.#key(startSec));
      const confirmed = new Map<number, Version>();
      for (const [field, value] of Object.entries(fields)) {
        if (field.startsWith(CONFIRMED)) confirmed.set(Number(field.slice(CONFIRMED.length)), parseVersion(value));
      }
      return {
        confirmed,
        settledMs: msOf(fields.settled),
        askedMs: msOf(fields.asked),
        checks: Number(fields.checks ?? 0),
        done: fields.done !== undefined,
      };
    } catch (error) {
      throw redisFault(error);
    }
  }

  async begin(startSec: number, alive: readonly string[]): Promise<WriteIntent | 'busy'> {
    const token = randomBytes(8).toString('hex');
    const reply = await BEGIN.run(this.#redis, [this.#key(startSec)], [this.#incarnation, token, ...alive]);
    const [kind, , abandoned, lastWrite] = reply as [Buffer, number, number, Buffer];
    if (kind.toString() === 'busy') return 'busy';
    return { token, abandoned: abandoned === 1, lastWrite: lastWrite.toString() || undefined };
  }

  confirm(startSec: number, intent: WriteIntent, versions: ReadonlyMap<number, Version>): Promise<boolean> {
    const fields = [...versions].flatMap(([partition, version]) => [
      `${CONFIRMED}${partition}`,
      formatVersion(version),
    ]);
    return this.#end(startSec, intent, 'confirmed', fields);
  }

  settle(startSec: number, intent: WriteIntent): Promise<boolean> {
    return this.#end(startSec, intent, 'settled');
  }

  check(startSec: number, intent: WriteIntent): Promise<boolean> {
    return this.#end(startSec, intent, 'checked');
  }

  async cancel(startSec: number, intent: WriteIntent): Promise<void> {
    await this.#end(startSec, intent, 'cancelled');
  }

  async abandon(startSec: number, intent: WriteIntent): Promise<void> {
    await this.#end(startSec, intent, 'abandoned');
  }

  async finish(startSec: number, reason: 'settled' | 'given-up'): Promise<void> {
    await FINISH.run(this.#redis, [this.#key(startSec)], [reason]);
  }

  async remove(startSec: number): Promise<void> {
    try {
      await this.#redis.unlink(this.#key(startSec));
    } catch (error) {
      throw redisFault(error);
    }
  }

  async #end(startSec: number, intent: WriteIntent, outcome: string, fields: string[] = []): Promise<boolean> {
    const args = [this.#incarnation, intent.token, outcome, ...fields];
    return String(await END.run(this.#redis, [this.#key(startSec)], args)) === 'done';
  }

  #key(startSec: number): string {
    return sinkWindowKey(this.#prefix, this.#sink, startSec);
  }
}
