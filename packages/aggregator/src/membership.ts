import { ownerOf } from '@weir/common/assignment';
import type { Clock, RedisTime } from '@weir/common/clock';
import { SettingsError } from '@weir/common/errors';
import { aggregatorsKey } from '@weir/common/keys';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault, redisFault, redisTimeMs, Script } from '@weir/common/redis';
import type { Service } from '@weir/common/service';
import type { Redis } from 'ioredis';

/**
 * Who is alive: every aggregator writes a heartbeat into Redis each second and reads everybody else's. From the ids that
 * are alive follows who reads which partition and who writes which window; it saves work and guarantees nothing. Here
 * is also noticed, within a second, that Redis lost data, and that another process took this id.
 */
export interface MembershipOptions {
  redis: Redis;
  prefix: string;
  id: string;
  /** Random, of this process's start: 16 hex digits. */
  incarnation: string;
  clock: Clock;
  time: RedisTime;
  /** Redis lost data: whatever was learned from it may no longer be so. */
  onRollback: (nowMs: number) => void;
  /** Redis's clock moved against ours by this much, in milliseconds. */
  onClockJump: (jumpMs: number) => void;
  /** Called with a SettingsError when another process took this id, or with a bug. */
  fail: (error: unknown) => void;
  logger: Logger;
}

export interface Member {
  id: string;
  incarnation: string;
  startedMs: number;
  lastMs: number;
}

const HEARTBEAT = Script.beside(import.meta.url, 'heartbeat');
const BEAT_EVERY_MS = 1_000;
/** Without a heartbeat for this long an aggregator counts as dead. */
export const DEAD_AFTER_MS = 5_000;
const FORGET_AFTER_MS = 24 * 3_600_000;
const CLOCK_JUMP_MS = 5_000;

export class Membership implements Service {
  readonly #options: MembershipOptions;
  readonly #loop: Loop;
  #members: Member[] = [];
  #startedMs = '';
  #beat = 0;
  #confirmedBeat = 0;
  #lastBeatAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#loop = new Loop({
      clock: options.clock,
      intervalMs: BEAT_EVERY_MS,
      runOnce: () => this.#heartbeat(),
      onError: (error) => this.#onError(error),
    });
  }

  /** Waits for a crashed predecessor of this id to be forgotten; rejects with a SettingsError when it is alive. */
  async start(): Promise<void> {
    await this.#outwaitPredecessor();
    await this.#heartbeat();
    await this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    if (this.#confirmedBeat === 0) return;
    const { redis, prefix, id, logger } = this.#options;
    try {
      // Others take over at once instead of after DEAD_AFTER_MS.
      await redis.hdel(aggregatorsKey(prefix), id);
    } catch (error) {
      logger.warn({ err: redisFault(error) }, 'could not sign off; others will notice within seconds');
    }
  }

  /** Whether Redis confirmed a heartbeat recently enough for others to count this process as alive. */
  get present(): boolean {
    return this.#options.clock.monotonicMs() - this.#lastBeatAtMs < DEAD_AFTER_MS;
  }

  /** As of the last heartbeat, this process among them. Sorted by id. */
  get members(): readonly Member[] {
    return this.#members;
  }

  get ids(): readonly string[] {
    return this.#members.map(({ id }) => id);
  }

  get incarnations(): readonly string[] {
    return this.#members.map(({ incarnation }) => incarnation);
  }

  /** Whether the key (a partition, a sink's window) is this process's to work on. */
  owns(key: string | number): boolean {
    return ownerOf(key, this.ids) === this.#options.id;
  }

  async #outwaitPredecessor(): Promise<void> {
    const { redis, prefix, id, incarnation, clock, logger } = this.#options;
    const read = async () => {
      try {
        return parseMember(id, (await redis.hget(aggregatorsKey(prefix), id)) ?? '');
      } catch (error) {
        throw redisFault(error);
      }
    };
    const first = await read();
    if (!first || first.incarnation === incarnation) return;
    if ((await redisTimeMs(redis)) - first.lastMs > DEAD_AFTER_MS) return;
    logger.info({ id }, 'this id was in use a moment ago; waiting whether it still is');
    for (let waitedMs = 0; waitedMs < DEAD_AFTER_MS; waitedMs += BEAT_EVERY_MS) {
      await clock.sleep(BEAT_EVERY_MS);
      const now = await read();
      if (!now) return;
      if (now.incarnation !== first.incarnation || now.lastMs > first.lastMs) throw idTaken(id);
    }
  }

  async #heartbeat(): Promise<void> {
    const { redis, prefix, id, incarnation, clock, time, onClockJump } = this.#options;
    const sentMs = clock.monotonicMs();
    const beat = ++this.#beat;
    const reply = (await HEARTBEAT.run(
      redis,
      [aggregatorsKey(prefix)],
      [id, incarnation, this.#startedMs, beat, FORGET_AFTER_MS, DEAD_AFTER_MS],
    )) as [Buffer, number, Buffer, ...Buffer[]];
    const nowMs = reply[1];
    if (reply[0].toString() === 'taken') throw idTaken(id);
    this.#lastBeatAtMs = clock.monotonicMs();
    const jumpMs = time.observe(nowMs, this.#lastBeatAtMs - sentMs);
    if (Math.abs(jumpMs) > CLOCK_JUMP_MS) onClockJump(jumpMs);
    this.#judgePrevious(reply[2].toString(), nowMs);
    this.#confirmedBeat = beat;
    if (this.#startedMs === '') this.#startedMs = String(nowMs);
    const members: Member[] = [];
    for (let i = 3; i < reply.length; i += 2) {
      const member = parseMember(String(reply[i]), String(reply[i + 1]));
      if (member && nowMs - member.lastMs < DEAD_AFTER_MS) members.push(member);
    }
    this.#members = members.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** A beat that Redis confirmed and no longer has means that Redis went back in time, perhaps to a predecessor's. */
  #judgePrevious(previous: string, nowMs: number): void {
    if (this.#confirmedBeat === 0) return;
    const [, incarnation, beat] = /^(\S+) .* (\d+)$/.exec(previous) ?? [];
    const own = incarnation === this.#options.incarnation;
    if (!own || Number(beat) < this.#confirmedBeat) this.#options.onRollback(nowMs);
  }

  #onError(error: unknown): void {
    const { fail, logger } = this.#options;
    const fault = passingFault(error);
    if (fault) logger.warn({ err: fault }, 'no heartbeat: Redis did not answer');
    else fail(error);
  }
}

function idTaken(id: string): SettingsError {
  return new SettingsError(`--id ${id}: another live aggregator has this id; expected one of its own for each process`);
}

function parseMember(id: string, field: string): Member | undefined {
  const match = /^(\S+) (\d+) (\d+) (\d+)$/.exec(field);
  if (!match) return undefined;
  return { id, incarnation: match[1]!, startedMs: Number(match[2]), lastMs: Number(match[3]) };
}
