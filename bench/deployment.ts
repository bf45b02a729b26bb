import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Totals } from '@weir/common/event';
import { partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { type Daemon, startDaemon } from '../test/support/daemon.ts';
import { type Influxd, startInfluxd } from '../test/support/influxd.ts';
import { type RedisServer, startRedis } from '../test/support/redis-server.ts';
import { tempDir } from '../test/support/temp-dir.ts';
import { lastTotals } from './load/totals-file.ts';
import type { Processes } from './measure/cpu-meter.ts';
import { sum } from './measure/statistics.ts';

/**
 * A deployment of Weir to be measured: the real programs with their defaults, Redis with AOF everysec, all on this
 * machine. Without InfluxDBs its only sink is a file, which costs next to nothing.
 */
export interface DeploymentOptions {
  partitions?: number;
  /** Started at once; more may follow. */
  aggregators?: number;
  influxds?: number;
  relaySettings?: readonly string[];
  aggregatorSettings?: readonly string[];
}

export const DATABASE = 'bench';
const PREFIX = 'weir';
const LOOK_EVERY_MS = 10;
const QUIET_FOR_MS = 200;
/** A backlog that does not move for so long never will. */
const STANDS_STILL_MS = 60_000;
/** Grace, and the time within which a correction is written. */
const WRITTEN_WITHIN_MS = 60_000;

export async function startDeployment(options: DeploymentOptions = {}): Promise<Deployment> {
  const { partitions = 8, aggregators = 1, influxds = 0 } = options;
  const redis = await startRedis({ appendonly: true });
  const databases = await Promise.all(Array.from({ length: influxds }, () => startInfluxd()));
  await Promise.all(databases.map((influxd) => influxd.createDatabase(DATABASE)));
  const deployment = new Deployment(redis, databases, partitions, await tempDir('totals'), options);
  await deployment.startRelay('relay-1');
  for (let i = 1; i <= aggregators; i++) await deployment.startAggregator(`aggregator-${i}`);
  return deployment;
}

export class Deployment {
  readonly client: Redis;
  readonly redis: RedisServer;
  readonly influxds: readonly Influxd[];
  readonly partitions: number;
  readonly relays: Daemon[] = [];
  readonly aggregators: Daemon[] = [];
  readonly #totalsFile: string;
  readonly #options: DeploymentOptions;

  constructor(
    redis: RedisServer,
    influxds: readonly Influxd[],
    partitions: number,
    dir: string,
    options: DeploymentOptions,
  ) {
    this.redis = redis;
    this.influxds = influxds;
    this.partitions = partitions;
    this.client = redis.client();
    this.#totalsFile = join(dir, 'totals.lp');
    this.#options = options;
  }

  /** All processes that run, by kind. */
  get processes(): Processes {
    return {
      relay: this.relays.filter(({ running }) => running),
      aggregator: this.aggregators.filter(({ running }) => running),
      redis: [this.redis],
      ...(this.influxds.length > 0 ? { influxd: this.influxds } : {}),
    };
  }

  get relayAddresses(): string[] {
    return this.relays.map(({ http }) => http);
  }

  async startRelay(id: string): Promise<Daemon> {
    const udp = ['--udp', '127.0.0.1:0'];
    const relay = await startDaemon('weir-relay', [
      ...this.#common(id),
      ...udp,
      ...(this.#options.relaySettings ?? []),
    ]);
    this.relays.push(relay);
    return relay;
  }

  async startAggregator(id: string): Promise<Daemon> {
    const sinks = this.influxds.map(({ url }, i) => `${url}?db=${DATABASE}&name=az${i + 1}`);
    const args = (sinks.length > 0 ? sinks : [`file:${this.#totalsFile}`]).flatMap((sink) => ['--sink', sink]);
    const settings = this.#options.aggregatorSettings ?? [];
    const aggregator = await startDaemon('weir-aggregator', [...this.#common(id), ...args, ...settings]);
    this.aggregators.push(aggregator);
    return aggregator;
  }

  /** One field of the books, of every partition. */
  async books(field: 'received' | 'counted' | 'duplicate'): Promise<number[]> {
    const pipeline = this.client.pipeline();
    for (let i = 0; i < this.partitions; i++) pipeline.hget(partitionKeys(PREFIX, i).counters, field);
    const replies = await pipeline.exec();
    return (replies ?? []).map(([error, value]) => {
      if (error) throw error;
      return Number(value ?? 0);
    });
  }

  async counted(): Promise<number> {
    return sum(await this.books('counted'));
  }

  /** Until every one of so many different events, and of so many duplicates, is in the books. Throws where more are. */
  async untilCounted(events: number, duplicates = 0): Promise<void> {
    let last = -1;
    let movedMs = performance.now();
    for (;;) {
      const counted = await this.counted();
      if (counted > events) throw new Error(`${counted} events are counted, of ${events} that were sent`);
      if (counted === events && sum(await this.books('duplicate')) === duplicates) return;
      if (counted !== last) movedMs = performance.now();
      last = counted;
      if (performance.now() - movedMs > STANDS_STILL_MS) {
        throw new Error(`${counted} events are counted, of ${events} that were sent, and no more come`);
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Until everything that the relays accepted is counted, however much that is; answers it. For what may be lost before. */
  async untilQuiet(): Promise<number> {
    let last = -1;
    let movedMs = performance.now();
    for (;;) {
      const accepted = await Promise.all(this.relays.map((relay) => acceptedBy(relay)));
      const counted = await this.counted();
      if (counted === sum(accepted) && counted === last) return counted;
      if (counted !== last) movedMs = performance.now();
      last = counted;
      if (performance.now() - movedMs > STANDS_STILL_MS) {
        throw new Error(`${counted} events are counted, of ${sum(accepted)} accepted, and no more come`);
      }
      await sleep(QUIET_FOR_MS);
    }
  }

  /** Until the file holds these totals and no others; throws, with what differs, when it does not in time. */
  async untilTotals(check: (held: ReadonlyMap<string, Totals>) => void): Promise<void> {
    const deadline = performance.now() + WRITTEN_WITHIN_MS;
    for (;;) {
      try {
        return check(lastTotals(await readFile(this.#totalsFile, 'latin1').catch(() => '')));
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
      await sleep(100);
    }
  }

  /** What an InfluxDB holds, by `totalsKey`. */
  async totalsIn(influxd: Influxd): Promise<Map<string, Totals>> {
    return lastTotals((await influxd.points(DATABASE)).join('\n'));
  }

  #common(id: string): string[] {
    const { redis, partitions } = this;
    return ['--redis', redis.url, '--http', '127.0.0.1:0', '--partitions', String(partitions), '--id', id];
  }
}

async function acceptedBy(relay: Daemon): Promise<number> {
  const doors = ['http', 'udp'].map((door) => relay.metric(`weir_relay_lines_accepted_total{door="${door}"}`));
  return sum((await Promise.all(doors)).map((lines) => lines ?? 0));
}
