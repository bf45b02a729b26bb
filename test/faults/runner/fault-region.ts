import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { cleanup } from '../../support/cleanup.ts';
import { type Daemon, type Environment, startDaemon } from '../../support/daemon.ts';
import type { Influxd } from '../../support/influxd.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { tempDir } from '../../support/temp-dir.ts';
import type { BrokenRule } from './broken-rules.ts';
import { RedisProxy } from './proxies/redis-proxy.ts';
import { type KnownScript, readScripts } from './proxies/scripts.ts';
import { SinkGate } from './proxies/sink-gate.ts';
import { TcpProxy } from './proxies/tcp-proxy.ts';

/**
 * A region to be broken: real servers, the real programs, and a proxy in every connection between them. Clients reach a
 * relay through its `front`, a daemon reaches Redis through a proxy of its own, and all reach each InfluxDB through one.
 * Every process may be killed, frozen and started again under the same name, with the same disk.
 */
export interface RegionSettings {
  windowSec: number;
  latenessSec: number;
  aggregators: number;
  aggregatorSettings: readonly string[];
  relaySettings: readonly string[];
}

/** Windows live half a minute from their first event to their end, so a run sees whole lives of them. */
export const SETTINGS: RegionSettings = {
  windowSec: 5,
  latenessSec: 20,
  aggregators: 3,
  aggregatorSettings: ['--grace', '500ms', '--claim-idle', '2s', '--hold', '2m', '--final-keep', '15s'],
  relaySettings: [],
};

/** For a quick look: windows end sooner, and fewer of them are under way when a fault comes. */
export const SHORT_SETTINGS: RegionSettings = {
  ...SETTINGS,
  latenessSec: 10,
  aggregatorSettings: ['--grace', '500ms', '--claim-idle', '2s', '--hold', '2m', '--final-keep', '5s'],
};

export const PARTITIONS = 8;
export const PREFIX = 'weir';

export interface RegionOptions {
  settings: RegionSettings;
  influxds: readonly Influxd[];
  /** Of the databases, which are created empty. */
  database: string;
  logDir: string;
  broken: BrokenRule | undefined;
}

export class FaultRegion {
  readonly settings: RegionSettings;
  readonly influxds: readonly Influxd[];
  readonly database: string;
  /** In front of each InfluxDB. */
  readonly sinks: SinkGate[] = [];
  /** In front of each relay, by id. */
  readonly fronts = new Map<string, TcpProxy>();
  /** Between each daemon and Redis, by the daemon's id. */
  readonly links = new Map<string, RedisProxy>();
  readonly daemons = new Map<string, Daemon>();
  /** Daemons that are stopped by SIGSTOP. */
  readonly #frozen = new Set<string>();
  /** The Redis that is in charge; a failover puts another here. */
  redis!: RedisServer;
  /** Straight to it, for whoever looks on. */
  client!: Redis;
  readonly #options: RegionOptions;
  readonly #scripts: readonly KnownScript[] = readScripts();
  readonly #dataDirs = new Map<string, string>();
  readonly #logs = new Map<string, WriteStream>();

  private constructor(options: RegionOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.influxds = options.influxds;
    this.database = options.database;
    mkdirSync(options.logDir, { recursive: true });
  }

  static async start(options: RegionOptions): Promise<FaultRegion> {
    const region = new FaultRegion(options);
    cleanup('logs', () => region.#closeLogs());
    region.use(await startRedis({ appendonly: true }));
    await Promise.all(region.influxds.map((influxd) => influxd.createDatabase(region.database)));
    for (const [i, { port }] of region.influxds.entries()) {
      region.sinks.push(new SinkGate(`az${i + 1}`, port));
    }
    await Promise.all([...region.relayIds, ...region.aggregatorIds].map((id) => region.startDaemon(id)));
    return region;
  }

  get relayIds(): string[] {
    return ['relay-1', 'relay-2'];
  }

  /** Those the region has in peace. */
  get aggregatorIds(): string[] {
    return Array.from({ length: this.settings.aggregators }, (_, i) => `aggregator-${i + 1}`);
  }

  get relays(): Daemon[] {
    return this.relayIds.flatMap((id) => this.daemons.get(id) ?? []);
  }

  daemon(id: string): Daemon {
    const daemon = this.daemons.get(id);
    if (!daemon) throw new Error(`the region has no ${id}`);
    return daemon;
  }

  link(id: string): RedisProxy {
    return this.links.get(id)!;
  }

  /** From now on this Redis is the region's, at the addresses its processes know. */
  use(redis: RedisServer): void {
    this.client?.disconnect();
    this.redis = redis;
    this.client = redis.client({ commandTimeout: 10_000 });
    for (const link of this.links.values()) link.targetPort = redis.port;
  }

  /** Also in the place of one that ended, with the disk it had. Resolves when it is ready. */
  async startDaemon(id: string, env: Environment = {}): Promise<Daemon> {
    const log = (line: string) => this.#log(id).write(`${line}\n`);
    const isRelay = id.startsWith('relay');
    const args = [
      ...(await this.#commonSettings(id)),
      ...(await (isRelay ? this.#ofRelay(id) : this.#ofAggregator(id))),
    ];
    const daemon = await startDaemon(isRelay ? 'weir-relay' : 'weir-aggregator', args, env, log);
    this.daemons.set(id, daemon);
    if (isRelay) await this.#putFrontBefore(id, daemon);
    return daemon;
  }

  /** SIGSTOP: its connections stay open and nothing answers. Of one that another fault has killed nothing is left to freeze. */
  async freeze(id: string): Promise<void> {
    if (!this.daemon(id).running) return;
    await this.daemon(id).pause();
    this.#frozen.add(id);
  }

  async thaw(id: string): Promise<void> {
    if (this.daemon(id).running) await this.daemon(id).resume();
    this.#frozen.delete(id);
  }

  /** Directory of a relay's journal; the same for each of its starts. */
  async dataDir(id: string): Promise<string> {
    const known = this.#dataDirs.get(id) ?? (await tempDir(id));
    this.#dataDirs.set(id, known);
    return known;
  }

  setDataDir(id: string, dir: string): void {
    this.#dataDirs.set(id, dir);
  }

  /** Every connection as it should be, every process up. */
  async heal(): Promise<void> {
    for (const proxy of [...this.fronts.values(), ...this.links.values()]) proxy.heal();
    for (const gate of this.sinks) await gate.heal();
    for (const link of this.links.values()) link.watchers.clear();
    for (const id of this.#frozen) await this.thaw(id);
    for (const server of [this.redis, ...this.influxds]) if (!server.running) await server.start();
    const missing = [...this.relayIds, ...this.aggregatorIds].filter((id) => !this.daemons.get(id)?.running);
    await Promise.all(missing.map((id) => this.startDaemon(id)));
  }

  async #commonSettings(id: string): Promise<string[]> {
    const { broken } = this.#options;
    let link = this.links.get(id);
    if (!link) {
      link = new RedisProxy(`redis of ${id}`, this.redis.port, this.#scripts);
      link.rewriter = broken?.rewriter(this.#scripts);
      this.links.set(id, await link.listen());
    }
    const place = ['--redis', `redis://${link.address}`, '--prefix', PREFIX, '--id', id, '--http', '127.0.0.1:0'];
    return [...place, '--partitions', String(PARTITIONS)];
  }

  async #ofRelay(id: string): Promise<string[]> {
    return ['--udp', 'off', '--data', await this.dataDir(id), ...this.settings.relaySettings];
  }

  async #ofAggregator(id: string): Promise<string[]> {
    const { windowSec, latenessSec, aggregatorSettings } = this.settings;
    const { broken } = this.#options;
    const sinks: string[] = [];
    for (const gate of this.sinks) {
      const address = await gate.addressFor(id);
      sinks.push('--sink', `http://${address}?db=${this.database}&name=${gate.name}${broken?.sinkParameters ?? ''}`);
    }
    const window = ['--window', `${windowSec}s`, '--lateness', `${latenessSec}s`];
    return [...sinks, ...window, ...aggregatorSettings, ...(broken?.aggregatorSettings ?? [])];
  }

  async #putFrontBefore(id: string, daemon: Daemon): Promise<void> {
    const port = Number(daemon.http.split(':')[1]);
    const front = this.fronts.get(id);
    if (front) front.targetPort = port;
    else this.fronts.set(id, await new TcpProxy(`front of ${id}`, port).listen());
  }

  #log(id: string): WriteStream {
    const known = this.#logs.get(id) ?? createWriteStream(join(this.#options.logDir, `${id}.log`), { flags: 'a' });
    this.#logs.set(id, known);
    return known;
  }

  async #closeLogs(): Promise<void> {
    await Promise.all([...this.#logs.values()].map((log) => new Promise((resolve) => log.end(resolve))));
    this.#logs.clear();
  }
}
