import { aggregatorsKey } from '@weir/common/keys';
import { redisFault, redisTimeMs, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/** Where aggregators say that they are alive. All calls reject with a RedisFault. */
export interface Heartbeats {
  /** What stands under an id, as it is; '' where nothing does. */
  standing(id: string): Promise<string>;
  /** Redis's clock. */
  nowMs(): Promise<number>;
  /** See heartbeat.lua. */
  beat(beat: Beat): Promise<BeatReply>;
  /** Others take over at once instead of waiting for the silence. */
  signOff(id: string): Promise<void>;
}

export interface Beat {
  id: string;
  incarnation: string;
  /** By Redis's clock. */
  startedMs: number;
  beat: number;
  forgetAfterMs: number;
  deadAfterMs: number;
  /** At the first beat: what stood under the id. Absent at later ones. */
  standing?: string;
}

export interface BeatReply {
  kind: 'beat' | 'taken';
  nowMs: number;
  /** What stood under the id. */
  previous: string;
  /** Field by id; empty when taken. */
  fields: ReadonlyMap<string, string>;
}

const HEARTBEAT = Script.beside(import.meta.url, 'heartbeat');

export class RedisHeartbeats implements Heartbeats {
  readonly #redis: Redis;
  readonly #key: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#key = aggregatorsKey(prefix);
  }

  async standing(id: string): Promise<string> {
    try {
      return (await this.#redis.hget(this.#key, id)) ?? '';
    } catch (error) {
      throw redisFault(error);
    }
  }

  nowMs(): Promise<number> {
    return redisTimeMs(this.#redis);
  }

  async beat({ id, incarnation, startedMs, beat, forgetAfterMs, deadAfterMs, standing }: Beat): Promise<BeatReply> {
    const args = [id, incarnation, startedMs, beat, forgetAfterMs, deadAfterMs, standing === undefined ? 0 : 1];
    if (standing !== undefined) args.push(standing);
    const reply = await HEARTBEAT.run(this.#redis, [this.#key], args);
    const [kind, nowMs, previous, ...rest] = reply as [Buffer, number, Buffer, ...Buffer[]];
    const fields = new Map<string, string>();
    for (let i = 0; i + 1 < rest.length; i += 2) fields.set(String(rest[i]), String(rest[i + 1]));
    return { kind: kind.toString() as BeatReply['kind'], nowMs, previous: previous.toString(), fields };
  }

  async signOff(id: string): Promise<void> {
    try {
      await this.#redis.hdel(this.#key, id);
    } catch (error) {
      throw redisFault(error);
    }
  }
}
