import { relaysKey } from '@weir/common/keys';
import { redisFault, redisTimeMs, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/** Where relays say what they have brought to Redis. All calls reject with a RedisFault. */
export interface Reports {
  /** What stands under an id, as it is; '' where nothing does. */
  standing(id: string): Promise<string>;
  /** Redis's clock. */
  nowMs(): Promise<number>;
  /** See report.lua. */
  report(report: Report): Promise<ReportReply>;
  /** Nobody needs to wait for this relay. Whoever took the id meanwhile keeps it. */
  signOff(id: string, incarnation: string): Promise<void>;
}

export interface Report {
  id: string;
  incarnation: string;
  /** By Redis's clock. */
  startedMs: number;
  /** Every line received before this moment is in Redis; undefined while nothing is known. */
  drainedMs: number | undefined;
  /** While nothing is known: what is surely true. It stands where this incarnation has not said better before. */
  sinceMs: number;
  deadAfterMs: number;
  /** At the first report: what stood under the id. Absent at later ones. */
  standing?: string;
}

export interface ReportReply {
  kind: 'reported' | 'taken';
  nowMs: number;
  /** What stood under the id. */
  previous: string;
}

export interface RedisReportsOptions {
  /**
   * Of the appends: what they have learned of Redis is true of the very server that gets the report. On a connection of its
   * own, a report could reach a server that was started anew before the appends have noticed.
   */
  redis: Redis;
  /** Outlives the appends' connection. */
  signOffRedis: Redis;
  prefix: string;
}

const REPORT = Script.beside(import.meta.url, 'report');

export class RedisReports implements Reports {
  readonly #redis: Redis;
  readonly #signOffRedis: Redis;
  readonly #key: string;

  constructor({ redis, signOffRedis, prefix }: RedisReportsOptions) {
    this.#redis = redis;
    this.#signOffRedis = signOffRedis;
    this.#key = relaysKey(prefix);
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

  async report({
    id,
    incarnation,
    startedMs,
    drainedMs,
    sinceMs,
    deadAfterMs,
    standing,
  }: Report): Promise<ReportReply> {
    const first = standing === undefined ? [0] : [1, standing];
    const args = [id, incarnation, startedMs, drainedMs ?? '', sinceMs, deadAfterMs, ...first];
    const [kind, nowMs, previous] = (await REPORT.run(this.#redis, [this.#key], args)) as [Buffer, number, Buffer];
    return { kind: kind.toString() as ReportReply['kind'], nowMs, previous: previous.toString() };
  }

  async signOff(id: string, incarnation: string): Promise<void> {
    try {
      const field = await this.#signOffRedis.hget(this.#key, id);
      if (field?.startsWith(`${incarnation} `)) await this.#signOffRedis.hdel(this.#key, id);
    } catch (error) {
      throw redisFault(error);
    }
  }
}
