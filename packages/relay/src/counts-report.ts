import type { Clock } from '@weir/common/clock';
import { relayCountsKey } from '@weir/common/keys';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault, Script } from '@weir/common/redis';
import { type RelayTotals, relayCountsField } from '@weir/common/relay-counts';
import type { Service } from '@weir/common/service';
import type { Redis } from 'ioredis';

/**
 * Every second, and a last time when it stops, the relay writes into Redis what it counted since its start, so that the
 * ledger can show it beside the books. Nothing waits for it and nothing depends on it. Starts are forgotten 30 days
 * after their last report, and beyond 256 those heard of longest ago, whenever a relay starts.
 */
export interface CountsReportOptions {
  redis: Redis;
  prefix: string;
  id: string;
  /** Of this start: 16 hex digits. */
  incarnation: string;
  clock: Clock;
  totals: () => RelayTotals;
  /** The id is ours and the deployment agreed: before that there is nothing to report. */
  admitted: () => boolean;
  /** Called with a bug. */
  fail: (error: unknown) => void;
  logger: Logger;
}

const COUNTS = Script.beside(import.meta.url, 'counts');
const REPORT_EVERY_MS = 1_000;
const FORGET_MS = 30 * 24 * 3_600_000;
const MAX_STARTS = 256;

export class CountsReport implements Service {
  readonly #options: CountsReportOptions;
  readonly #loop: Loop;
  #startedMs = '';
  #failing = false;

  constructor(options: CountsReportOptions) {
    this.#options = options;
    this.#loop = new Loop({
      clock: options.clock,
      intervalMs: REPORT_EVERY_MS,
      runOnce: () => this.#report(),
      onError: (error) => this.#onError(error),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** Once all that counts has stopped. Where the last report failed a stop does not wait for another one to fail. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    if (this.#failing) return;
    try {
      await this.#report();
    } catch (error) {
      this.#onError(error);
    }
  }

  async #report(): Promise<void> {
    const { redis, prefix, id, incarnation, totals, admitted } = this.#options;
    if (!admitted()) return;
    const args = [relayCountsField(id, incarnation), this.#startedMs, JSON.stringify(totals()), FORGET_MS, MAX_STARTS];
    this.#startedMs = String(await COUNTS.run(redis, [relayCountsKey(prefix)], args));
    this.#failing = false;
  }

  #onError(error: unknown): void {
    const { logger, fail } = this.#options;
    const fault = passingFault(error);
    this.#failing = true;
    if (fault) logger.debug({ err: fault }, 'what was counted is not in Redis');
    else fail(error);
  }
}
