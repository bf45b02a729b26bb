import type { Clock, RedisTime } from '@weir/common/clock';
import { SettingsError } from '@weir/common/errors';
import { type FreeId, outwaitPredecessor } from '@weir/common/live-id';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault } from '@weir/common/redis-fault';
import type { Service } from '@weir/common/service';
import type { Reports } from './reports.ts';

/**
 * Every second the relay says in Redis that it is alive and up to when all it received is there: a window is sealed
 * only after each relay that was alive during it has said so. The same report keeps two live processes from sharing an
 * id, and sets this process's idea of Redis's clock. A clean stop takes the report away when nothing is left to send;
 * otherwise, and after a crash, it stays, and aggregators wait for the relay to come back, or for `--hold`.
 */
export interface RelayReportOptions {
  reports: Reports;
  id: string;
  /** Random, of this start: 16 hex digits. */
  incarnation: string;
  clock: Clock;
  time: RedisTime;
  /** Every line received before this moment is in Redis; undefined while nothing is known. Unix ms of Redis's clock. */
  drainedMs: () => number | undefined;
  /** When the first line was received that the Redis of now may lack, whatever an earlier one confirmed; Infinity: none. */
  unsureSinceMs: () => number;
  /** Nothing is owed to Redis: nobody needs to wait for this relay when it stops. */
  drained: () => boolean;
  /** Called with a SettingsError when another process took the id, or with a bug. */
  fail: (error: unknown) => void;
  logger: Logger;
  /** Gives up waiting for a predecessor. */
  stopping: AbortSignal;
  times?: ReportTimes;
}

export interface ReportTimes {
  reportEveryMs: number;
  /** Without a report for this long a relay counts as dead. */
  deadAfterMs: number;
}

const REPORT_TIMES: ReportTimes = { reportEveryMs: 1_000, deadAfterMs: 5_000 };
const CLOCK_JUMP_MS = 5_000;

export class RelayReport implements Service {
  readonly #options: RelayReportOptions;
  readonly #times: ReportTimes;
  readonly #loop: Loop;
  /** By Redis's clock; undefined before the id is this relay's. */
  #startedMs: number | undefined;

  constructor(options: RelayReportOptions) {
    this.#options = options;
    this.#times = options.times ?? REPORT_TIMES;
    this.#loop = new Loop({
      clock: options.clock,
      intervalMs: this.#times.reportEveryMs,
      runOnce: async () => {
        if (!(await this.#report())) throw idTaken(options.id);
      },
      onError: (error) => this.#onError(error),
    });
  }

  /**
   * Takes the id. Waits for a crashed predecessor to be forgotten; rejects with a SettingsError when it is alive, with a
   * RedisFault when Redis does not answer, and may be called again then.
   */
  async start(): Promise<void> {
    for (;;) {
      const free = await this.#outwaitPredecessor();
      if (this.#options.stopping.aborted) return;
      // Again where something changed since it was read: somebody's last word came late, or he is alive.
      if (await this.#report(free)) break;
    }
    await this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    if (this.#startedMs === undefined || !this.#options.drained()) return;
    const { reports, id, incarnation, logger } = this.#options;
    try {
      await reports.signOff(id, incarnation);
    } catch (error) {
      if (!passingFault(error)) throw error;
      logger.warn({ err: error }, 'could not sign off: windows may wait for this relay until --hold');
    }
  }

  async #outwaitPredecessor(): Promise<FreeId> {
    const { reports, clock, id, incarnation, logger, stopping } = this.#options;
    const { deadAfterMs, reportEveryMs } = this.#times;
    const outcome = await outwaitPredecessor({
      read: () => reports.standing(id),
      parse: (text) => {
        const [other, , lastMs] = text.split(' ');
        return other === undefined || lastMs === undefined ? undefined : { incarnation: other, lastMs: Number(lastMs) };
      },
      redisNowMs: () => reports.nowMs(),
      incarnation,
      clock,
      deadAfterMs,
      lookEveryMs: reportEveryMs / 2,
      onWait: () => logger.info({ id }, 'this id was in use a moment ago; waiting whether it still is'),
      stopping,
    });
    if (outcome === 'alive') throw idTaken(id);
    return outcome;
  }

  /** False when the id is another's. `free`: at the first report. */
  async #report(free?: FreeId): Promise<boolean> {
    const { reports, id, incarnation, clock, time, drainedMs, unsureSinceMs, logger } = this.#options;
    const sentMs = clock.monotonicMs();
    const startedMs = this.#startedMs ?? free?.sinceMs ?? 0;
    // A relay that has lines of an earlier start in its journal answers for them: windows of then wait for it, also where
    // Redis has just forgotten that it had them.
    const sinceMs = Math.floor(Math.min(startedMs, unsureSinceMs()));
    const said = { id, incarnation, startedMs, drainedMs: drainedMs(), sinceMs, deadAfterMs: this.#times.deadAfterMs };
    const { kind, nowMs } = await reports.report(free ? { ...said, standing: free.standing } : said);
    const jumpMs = time.observe(nowMs, clock.monotonicMs() - sentMs);
    if (Math.abs(jumpMs) > CLOCK_JUMP_MS) logger.warn({ jumpMs: Math.round(jumpMs) }, "Redis's clock jumped");
    if (kind === 'taken') return false;
    this.#startedMs = startedMs;
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
