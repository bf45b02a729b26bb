import type { Clock } from '@weir/common/clock';
import { readDeployment } from '@weir/common/deployment';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault } from '@weir/common/redis-fault';
import type { Service } from '@weir/common/service';
import type { Redis } from 'ioredis';
import type { AggregatorMetrics } from './aggregator-metrics.ts';

/**
 * The sinks of the deployment as they are recorded now, which `weir sink add` and `remove` change under running processes. A
 * sink that was removed gets nothing more, from within a second on. One that was added cannot be served, for nobody said
 * here where it is; but what it still needs is kept for it: final records, and other lines. Either way this process goes on
 * with all the rest, and says that it is to be started anew.
 */
export interface DeploymentWatchOptions {
  redis: Redis;
  prefix: string;
  /** Names of the sinks that this process was started with. */
  own: readonly string[];
  clock: Clock;
  metrics: Pick<AggregatorMetrics, 'sinksAdded' | 'sinksRemoved'>;
  logger: Logger;
  /** Called with a bug. */
  fail: (error: unknown) => void;
}

const LOOK_EVERY_MS = 1_000;

export class DeploymentWatch implements Service {
  readonly #options: DeploymentWatchOptions;
  readonly #loop: Loop;
  #sinks: readonly string[];

  constructor(options: DeploymentWatchOptions) {
    this.#options = options;
    const { own, clock, logger, fail } = options;
    this.#sinks = own;
    this.#loop = new Loop({
      clock,
      intervalMs: LOOK_EVERY_MS,
      runOnce: () => this.runOnce(),
      onError: (error) =>
        passingFault(error) ? logger.debug({ err: error }, 'the sinks were not looked up') : fail(error),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Those recorded, as of a moment ago. */
  get sinks(): readonly string[] {
    return this.#sinks;
  }

  inUse(sink: string): boolean {
    return this.#sinks.includes(sink);
  }

  /** Of the deployment, and not known here. */
  get added(): string[] {
    return this.#sinks.filter((sink) => !this.#options.own.includes(sink));
  }

  /** Known here, and no longer of the deployment. */
  get removed(): string[] {
    return this.#options.own.filter((sink) => !this.#sinks.includes(sink));
  }

  async runOnce(): Promise<void> {
    const { redis, prefix, own, metrics, logger } = this.#options;
    // Where Redis was emptied nothing is recorded for a moment; what was agreed still holds.
    const recorded = (await readDeployment(redis, prefix))?.sinks;
    if (recorded === undefined || recorded.join() === this.#sinks.join()) return;
    this.#sinks = recorded;
    const { added, removed } = this;
    metrics.sinksAdded.set(added.length);
    metrics.sinksRemoved.set(removed.length);
    if (added.length + removed.length === 0)
      logger.info({ sinks: recorded }, 'the deployment has the sinks known here');
    else
      logger.error({ sinks: recorded, own, added, removed }, "the deployment's sinks were changed: restart with them");
  }
}
