import type { Clock, RedisTime } from '@weir/common/clock';
import { SettingsError } from '@weir/common/errors';
import { relaysKey } from '@weir/common/keys';
import { outwaitPredecessor } from '@weir/common/live-id';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault, redisFault, redisTimeMs, Script } from '@weir/common/redis';
import type { Service } from '@weir/common/service';
import type { Redis } from 'ioredis';

/**
 * Every second the relay says in Redis that it is alive and up to when all it received is there: a window is sealed
 * only after each relay that was alive during it has said so. The same report keeps two live processes from sharing an
 * id, and sets this process's idea of Redis's clock. A clean stop takes the report away when nothing is left to send;
 * otherwise, and after a crash, it stays, and aggregators wait for the relay to come back, or for `--hold`.
 */
export interface RelayReportOptions {
  /**
   * Of the appends: what they have learned of Redis is true of the very server that gets the report. On a connection of its
   * own, a report could reach a server that was started anew before the appends have noticed.
   */
  redis: Redis;
  /** Outlives the appends' connection. */
  signOffRedis: Redis;
  prefix: string;
  id: string;
  /** Random, of this start: 16 hex digits. */
  incarnation: string;
  clock: Clock;
  time: RedisTime;
  /** Every line received before this moment is in Redis; undefined while nothing is known. Unix ms of Redis's clock. */
  drainedMs: () => number | undefined;
  /** When the first line that is not known to be in Redis was received; Infinity: all are there. As above. */
  owedSinceMs: () => number;
  /** Nothing is owed to Redis: nobody needs to wait for this relay when it stops. */
  drained: () => boolean;
  /** Called with a SettingsError when another process took the id, or with a bug. */
  fail: (error: unknown) => void;
  logger: Logger;
  /** Gives up waiting for a predecessor. */
  stopping: AbortSignal;
}

const REPORT = Script.beside(import.meta.url, 'report');
const REPORT_EVERY_MS = 1_000;
/** Without a report for this long a relay counts as dead. */
const DEAD_AFTER_MS = 5_000;
const LOOK_EVERY_MS = 500;
const CLOCK_JUMP_MS = 5_000;

export class RelayReport implements Service {
  readonly #options: RelayReportOptions;
  readonly #loop: Loop;
  #startedMs = '';

  constructor(options: RelayReportOptions) {
    this.#options = options;
    this.#loop = new Loop({
      clock: options.clock,
      intervalMs: REPORT_EVERY_MS,
      runOnce: async () => {
        if (!(await this.#report())) throw idTaken(options.id);
      },
      onError: (error) => this.#onError(error),
    });
  }

  /** Takes the id. Waits for a crashed predecessor to be forgotten; rejects with a SettingsError when it is alive. */
  async start(): Promise<void> {
    for (;;) {
      const standing = await this.#outwaitPredecessor();
      if (this.#options.stopping.aborted) return;
      // Again where something changed since it was read: somebody's last word came late, or he is alive.
      if (await this.#report(standing)) break;
    }
    await this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    if (this.#startedMs === '' || !this.#options.drained()) return;
    const { signOffRedis, prefix, id, incarnation, logger } = this.#options;
    try {
      const field = await signOffRedis.hget(relaysKey(prefix), id);
      // Whoever took the id from us keeps it.
      if (field?.startsWith(`${incarnation} `)) await signOffRedis.hdel(relaysKey(prefix), id);
    } catch (error) {
      logger.warn({ err: redisFault(error) }, 'could not sign off: windows may wait for this relay until --hold');
    }
  }

  /** Answers what stands under the id. */
  async #outwaitPredecessor(): Promise<string> {
    const { redis, prefix, clock, id, incarnation, logger, stopping } = this.#options;
    const outcome = await outwaitPredecessor({
      read: async () => {
        try {
          return (await redis.hget(relaysKey(prefix), id)) ?? '';
        } catch (error) {
          throw redisFault(error);
        }
      },
      parse: (text) => {
        const [other, , lastMs] = text.split(' ');
        return other === undefined || lastMs === undefined ? undefined : { incarnation: other, lastMs: Number(lastMs) };
      },
      redisNowMs: () => redisTimeMs(redis),
      incarnation,
      clock,
      deadAfterMs: DEAD_AFTER_MS,
      lookEveryMs: LOOK_EVERY_MS,
      onWait: () => logger.info({ id }, 'this id was in use a moment ago; waiting whether it still is'),
      stopping,
    });
    if (outcome === 'alive') throw idTaken(id);
    return outcome.standing;
  }

  /** False when the id is another's. `standing`, at the first report: what stood under the id. */
  async #report(standing = ''): Promise<boolean> {
    const { redis, prefix, id, incarnation, clock, time, drainedMs, logger } = this.#options;
    const sentMs = clock.monotonicMs();
    // The first word of a relay that owes lines of an earlier start: windows of then wait for it.
    const owedSinceMs = this.#startedMs === '' ? this.#options.owedSinceMs() : Number.POSITIVE_INFINITY;
    const drained = drainedMs() ?? (owedSinceMs === Number.POSITIVE_INFINITY ? '' : owedSinceMs);
    const reply = (await REPORT.run(
      redis,
      [relaysKey(prefix)],
      [id, incarnation, this.#startedMs, drained, DEAD_AFTER_MS, standing],
    )) as [Buffer, number, Buffer];
    const jumpMs = time.observe(reply[1], clock.monotonicMs() - sentMs);
    if (Math.abs(jumpMs) > CLOCK_JUMP_MS) logger.warn({ jumpMs: Math.round(jumpMs) }, "Redis's clock jumped");
    if (reply[0].toString() === 'taken') return false;
    if (this.#startedMs === '') this.#startedMs = String(reply[1]);
    return true;
  }

  #onError(error: unknown): void {
    const { fail, logger } = this.#options;
    const fault = passingFault(error);
    if (fault) logger.debug({ err: fault }, 'no report: Redis did not answer');
    else fail(error);
  }
}

function idTaken(id: string): SettingsError {
  return new SettingsError(`--id: got ${id}, expected a name that no other live relay has`);
}
