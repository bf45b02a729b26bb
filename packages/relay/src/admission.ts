import type { Clock } from '@weir/common/clock';
import { agreeOnDeployment, type Deployment } from '@weir/common/deployment';
import { WeirError } from '@weir/common/errors';
import type { Logger } from '@weir/common/logger';
import { connectRedis, passingFault } from '@weir/common/redis';
import { checkRedisServer } from '@weir/common/redis-check';
import type { Service } from '@weir/common/service';
import type { Redis } from 'ioredis';
import type { Publisher } from './publisher.ts';
import type { RelayReport } from './relay-report.ts';

/**
 * What has to be settled before the relay takes a line: Redis answers and is one we can work with, the number of
 * partitions is the deployment's, the id is ours. Waits for Redis as long as it takes, while the HTTP door already
 * answers that it is not ready; a setting that turns out unusable ends the start. A relay whose data directory says what was
 * agreed before takes lines at once, into its journal, and settles the rest in the background.
 */
export interface AdmissionOptions {
  /** Of the reports and the agreement. */
  redis: Redis;
  /** Of the appends. */
  appendRedis: Redis;
  prefix: string;
  partitions: number;
  report: RelayReport;
  publisher: Publisher;
  /** The number of partitions was agreed by an earlier start. */
  agreedBefore: boolean;
  /** Called each time it is agreed, with the whole record. */
  onAgreed: (deployment: Partial<Deployment>) => void;
  clock: Clock;
  logger: Logger;
  fail: (error: unknown) => void;
  stopping: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 5_000;
const AGAIN_AFTER_MS = 500;

export class Admission implements Service {
  readonly #options: AdmissionOptions;
  #open = false;
  #agreed = false;
  #agreeing: Promise<void> | undefined;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Lines may come in. */
  get open(): boolean {
    return this.#open;
  }

  /** The number of partitions is recorded in Redis, as far as we know. */
  get agreed(): boolean {
    return this.#agreed;
  }

  async start(): Promise<void> {
    const { agreedBefore, publisher, stopping, fail } = this.#options;
    if (!agreedBefore) return this.#admitUntilDone();
    publisher.startJournal();
    this.#open = true;
    // Once stopping it gives up by itself, at the latest when the connections close.
    void this.#admitUntilDone().catch((error) => {
      if (!stopping.aborted) fail(error);
    });
  }

  async stop(): Promise<void> {
    await this.#agreeing;
  }

  /** Redis lost data, and with it perhaps the deployment's settings: records them again. */
  agreeAgain(): void {
    this.#agreed = false;
    this.#agreeing ??= this.#agreeUntilDone().finally(() => {
      this.#agreeing = undefined;
    });
  }

  async #admitUntilDone(): Promise<void> {
    const { stopping, clock, logger } = this.#options;
    for (;;) {
      try {
        await this.#admit();
        this.#open = true;
        return;
      } catch (error) {
        if (!passingFault(error) || stopping.aborted) throw error;
        logger.warn({ err: error }, 'waiting for Redis');
        await clock.sleep(AGAIN_AFTER_MS, stopping);
      }
    }
  }

  async #admit(): Promise<void> {
    const { redis, appendRedis, report, publisher, stopping, logger } = this.#options;
    await connectRedis(redis, CONNECT_TIMEOUT_MS);
    await connectRedis(appendRedis, CONNECT_TIMEOUT_MS);
    const { version, warnings } = await checkRedisServer(redis);
    for (const warning of warnings) logger.warn({ version }, warning);
    await this.#agree();
    await report.start();
    if (stopping.aborted) throw new WeirError('stopped', 'stopped before it was ready', false);
    await publisher.start();
  }

  async #agree(): Promise<void> {
    const { redis, prefix, partitions } = this.#options;
    this.#options.onAgreed(await agreeOnDeployment(redis, prefix, { partitions }));
    this.#agreed = true;
  }

  async #agreeUntilDone(): Promise<void> {
    const { clock, fail, stopping } = this.#options;
    while (!this.#agreed && !stopping.aborted) {
      try {
        await this.#agree();
      } catch (error) {
        if (!passingFault(error)) return fail(error);
        await clock.sleep(AGAIN_AFTER_MS, stopping);
      }
    }
  }
}
