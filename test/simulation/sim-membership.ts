import { ownerOf } from '@weir/common/assignment';
import type { RedisTime } from '@weir/common/clock';
import type { Connection } from './connection.ts';
import { heartbeat } from './redis/shared-scripts.ts';
import type { SimRedis } from './redis/sim-redis.ts';
import { TIMES } from './scenario.ts';
import type { SimProcess } from './sim-process.ts';

/**
 * Who is alive, as membership.ts finds out; written again here, because that one talks to Redis directly. The assignment
 * and the heartbeat script are the real ones' twins.
 */
export interface SimMembershipOptions {
  process: SimProcess;
  connection: Connection;
  redis: SimRedis;
  id: string;
  incarnation: string;
  time: RedisTime;
  onRollback: (nowMs: number) => void;
}

const FORGET_AFTER_MS = 3_600_000;

export class SimMembership {
  readonly #options: SimMembershipOptions;
  #ids: readonly string[] = [];
  #incarnations: readonly string[] = [];
  #startedMs = '';
  #beat = 0;
  #confirmedBeat = 0;

  constructor(options: SimMembershipOptions) {
    this.#options = options;
    options.process.repeat(TIMES.beatEveryMs, () => this.#heartbeat());
  }

  get ids(): readonly string[] {
    return this.#ids;
  }

  get incarnations(): readonly string[] {
    return this.#incarnations;
  }

  owns(key: string | number): boolean {
    return ownerOf(key, this.#ids) === this.#options.id;
  }

  /** Asked before the first beat: the id may have been in use a moment ago. */
  async #predecessorLives(): Promise<boolean> {
    const { connection, redis, id } = this.#options;
    const [field, nowMs] = await connection.call<[string | undefined, number]>('who has the id', (answer) =>
      answer([redis.shared.aggregators.get(id), redis.nowMs]),
    );
    return field !== undefined && nowMs - Number(field.split(' ')[2]) <= TIMES.deadAfterMs;
  }

  async #heartbeat(): Promise<void> {
    const { process, connection, redis, id, incarnation, time, onRollback } = this.#options;
    if (this.#startedMs === '' && (await this.#predecessorLives())) return;
    const sentMs = process.clock.monotonicMs();
    const beat = ++this.#beat;
    const said = {
      id,
      incarnation,
      started: this.#startedMs,
      beat,
      forgetMs: FORGET_AFTER_MS,
      deadMs: TIMES.deadAfterMs,
    };
    const reply = await connection.call<ReturnType<typeof heartbeat>>('heartbeat', (answer) =>
      answer(heartbeat(redis.shared, said, redis.nowMs)),
    );
    const { nowMs, previous, members } = reply;
    if (reply.kind === 'taken') {
      process.crash();
      return;
    }
    time.observe(nowMs, process.clock.monotonicMs() - sentMs);
    const [other, , , last] = previous.split(' ');
    if (this.#confirmedBeat > 0 && (other !== incarnation || Number(last) < this.#confirmedBeat)) onRollback(nowMs);
    this.#confirmedBeat = beat;
    if (this.#startedMs === '') this.#startedMs = String(nowMs);
    const alive = [...members].filter(([, field]) => nowMs - Number(field.split(' ')[2]) < TIMES.deadAfterMs);
    this.#ids = alive.map(([member]) => member).sort();
    this.#incarnations = alive.map(([, field]) => field.split(' ')[0]!);
  }
}
