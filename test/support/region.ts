import type { LagReport } from '@weir/cli/lag-report';
import type { LedgerReport } from '@weir/cli/ledger-report';
import type { PendingReport } from '@weir/cli/pending-report';
import type { Redis } from 'ioredis';
import { type Daemon, startDaemon } from './daemon.ts';
import { eventuallyHolds } from './eventually.ts';
import { type Influxd, startInfluxd } from './influxd.ts';
import { type Books, readBooks, totalBooks } from './ledger.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { runCli } from './run-program.ts';
import { tempDir } from './temp-dir.ts';

/**
 * A whole region for a test: one Redis, an InfluxDB per zone, relays and aggregators, all of them the real programs.
 * Windows are short of patience: a past one is written half a second after its first event.
 */
export interface RegionOptions {
  relays?: number;
  aggregators?: number;
  /** Settings of every aggregator, after and over `--grace 500ms --claim-idle 2s`. */
  aggregatorSettings?: readonly string[];
  relaySettings?: readonly string[];
  /** Servers of the file, to be shared by several deployments; own ones unless told. */
  redis?: RedisServer;
  influxds?: readonly Influxd[];
  /** Where the aggregators find the InfluxDBs, in their order: proxies before them. */
  sinkUrls?: readonly string[];
  /** After `?db=…&name=az1` of every sink. */
  sinkParameters?: string;
  /** What keeps deployments on the same servers apart: the prefix of the keys and the name of the databases. */
  name?: string;
}

export const PARTITIONS = 8;

export async function startRegion(options: RegionOptions = {}): Promise<Region> {
  const { relays = 2, aggregators = 2, name = 'weir' } = options;
  const [redis, influxds] = await Promise.all([
    options.redis ?? startRedis({ appendonly: true }),
    options.influxds ?? Promise.all([startInfluxd(), startInfluxd()]),
  ]);
  await Promise.all(influxds.map((influxd) => influxd.createDatabase(name)));
  const region = new Region(redis, influxds, name, options);
  await Promise.all([
    ...Array.from({ length: relays }, (_, i) => region.startRelay(`relay-${i + 1}`)),
    ...Array.from({ length: aggregators }, (_, i) => region.startAggregator(`aggregator-${i + 1}`)),
  ]);
  return region;
}

export class Region {
  readonly redis: RedisServer;
  readonly influxds: readonly Influxd[];
  /** Prefix of the keys, and name of the database. */
  readonly name: string;
  readonly client: Redis;
  /** By id; in the order of their names, whichever was up first. */
  readonly #relays = new Map<string, Daemon>();
  readonly #aggregators = new Map<string, Daemon>();
  /** A relay's disk, by its id. */
  readonly #disks = new Map<string, string>();
  readonly #options: RegionOptions;

  constructor(redis: RedisServer, influxds: readonly Influxd[], name: string, options: RegionOptions) {
    this.redis = redis;
    this.influxds = influxds;
    this.name = name;
    this.client = redis.client();
    this.#options = options;
  }

  get relays(): Daemon[] {
    return byId(this.#relays);
  }

  get aggregators(): Daemon[] {
    return byId(this.#aggregators);
  }

  relay(id: string): Daemon {
    return this.#relays.get(id)!;
  }

  aggregator(id: string): Daemon {
    return this.#aggregators.get(id)!;
  }

  /** Also in the place of one that ended: it finds that one's disk, unless it shall have a `fresh` one. */
  async startRelay(id: string, settings: readonly string[] = [], disk: 'kept' | 'fresh' = 'kept'): Promise<Daemon> {
    const dataDir = (disk === 'kept' ? this.#disks.get(id) : undefined) ?? (await tempDir(id));
    this.#disks.set(id, dataDir);
    const args = [...this.relaySettings(id, dataDir), ...(this.#options.relaySettings ?? []), ...settings];
    const daemon = await startDaemon('weir-relay', args);
    this.#relays.set(id, daemon);
    return daemon;
  }

  async startAggregator(id: string): Promise<Daemon> {
    const daemon = await startDaemon('weir-aggregator', [
      ...this.aggregatorSettings(id),
      ...(this.#options.aggregatorSettings ?? []),
    ]);
    this.#aggregators.set(id, daemon);
    return daemon;
  }

  relaySettings(id: string, dataDir: string): string[] {
    const place = ['--http', '127.0.0.1:0', '--udp', '127.0.0.1:0', '--data', dataDir];
    return ['--redis', this.redis.url, '--prefix', this.name, '--id', id, ...place];
  }

  aggregatorSettings(id: string): string[] {
    const place = ['--redis', this.redis.url, '--prefix', this.name, '--id', id, '--http', '127.0.0.1:0'];
    const { sinkUrls = this.influxds.map(({ url }) => url), sinkParameters = '' } = this.#options;
    const sinks = sinkUrls.flatMap((url, i) => ['--sink', `${url}?db=${this.name}&name=az${i + 1}${sinkParameters}`]);
    return [...place, ...sinks, '--grace', '500ms', '--claim-idle', '2s'];
  }

  /** What every InfluxDB that runs holds. */
  async points(): Promise<string[][]> {
    const running = this.influxds.filter((influxd) => influxd.running);
    return Promise.all(running.map((influxd) => influxd.points(this.name)));
  }

  /** Waits until both InfluxDBs hold exactly these points and no others. */
  async untilPoints(expected: readonly string[], timeoutMs = 15_000): Promise<void> {
    await eventuallyHolds(
      async () => {
        for (const points of await this.points()) expect(points).toEqual(expected);
      },
      { timeoutMs, what: `${expected.length} points in every InfluxDB` },
    );
  }

  /** The books of every partition, in order. */
  books(): Promise<Books[]> {
    return readBooks(this.client, this.name, PARTITIONS);
  }

  async totals(): Promise<Books> {
    return totalBooks(await this.books());
  }

  /** Waits until everything received is folded, and answers the books. */
  async untilFolded(received: number, timeoutMs = 15_000): Promise<Books> {
    let totals: Books | undefined;
    await eventuallyHolds(
      async () => {
        totals = await this.totals();
        expect(totals).toMatchObject({ received, unfolded: 0 });
      },
      { timeoutMs, what: `${received} lines to be received and folded` },
    );
    return totals!;
  }

  lag(): Promise<LagReport> {
    return this.#report<LagReport>('lag');
  }

  pending(): Promise<PendingReport> {
    return this.#report<PendingReport>('pending');
  }

  /** Rejects when the books do not balance. */
  ledger(): Promise<LedgerReport> {
    return this.#report<LedgerReport>('ledger');
  }

  /** The sum over all aggregators that run. */
  async aggregatorMetric(sample: string): Promise<number> {
    const running = this.aggregators.filter((daemon) => daemon.running);
    const values = await Promise.all(running.map((daemon) => daemon.metric(sample)));
    return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  }

  async #report<T>(command: 'lag' | 'pending' | 'ledger'): Promise<T> {
    const place = ['--redis', this.redis.url, '--prefix', this.name];
    const { code, stdout, stderr } = await runCli([command, ...place, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as T;
  }
}

function byId(daemons: ReadonlyMap<string, Daemon>): Daemon[] {
  return [...daemons].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, daemon]) => daemon);
}
