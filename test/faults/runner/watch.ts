import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanup } from '../../support/cleanup.ts';
import { accountedFor, readBooks } from '../../support/ledger.ts';
import { nameAndValue } from './books-of-truth.ts';
import { type FaultRegion, PARTITIONS, PREFIX } from './fault-region.ts';

/**
 * Looks at a region once a second, from its start until `stop`: at every total in every InfluxDB, at the books, and at
 * what must stay bounded. What cannot be looked at, because a fault has it, is left out and counted.
 */
const LOOK_EVERY_MS = 1_000;

export interface Peaks {
  /** By daemon id: resident memory, bytes. */
  rssBytes: Map<string, number>;
  redisKeys: number;
  redisConnections: number;
  journalBytes: number;
}

export class Watch {
  readonly peaks: Peaks = { rssBytes: new Map(), redisKeys: 0, redisConnections: 0, journalBytes: 0 };
  /** Partitions that did not balance at some look. */
  readonly imbalances: string[] = [];
  /** Totals that were seen smaller than before; put right later, or the verdict says so. */
  dips = 0;
  /** By InfluxDB: point → the highest value ever seen. */
  readonly highest: Map<string, number>[];
  looksAtBooks = 0;
  /** Of these, how many found every partition balanced. */
  balancedLooks = 0;
  looksAtSinks = 0;
  readonly #region: FaultRegion;
  readonly #abort = new AbortController();
  readonly #watching: Promise<void>;

  constructor(region: FaultRegion) {
    this.#region = region;
    this.highest = region.influxds.map(() => new Map());
    // Each on its own: while one thing is away the others are looked at all the same.
    const looks = [this.#lookAtSinks, this.#lookAtBooks, this.#lookAtSizes];
    this.#watching = Promise.all(looks.map((look) => this.#repeat(() => look.call(this)))).then(() => undefined);
    cleanup('watch', () => this.stop());
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#watching;
  }

  /** One look more, now; for the end. */
  async look(): Promise<void> {
    await Promise.allSettled([this.#lookAtSinks(), this.#lookAtBooks(), this.#lookAtSizes()]);
  }

  async #repeat(look: () => Promise<void>): Promise<void> {
    while (!this.#abort.signal.aborted) {
      await Promise.allSettled([look()]);
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.#abort.signal }).catch(() => undefined);
    }
  }

  async #lookAtSinks(): Promise<void> {
    for (const [i, influxd] of this.#region.influxds.entries()) {
      const highest = this.highest[i]!;
      for (const point of await influxd.points(this.#region.database)) {
        const [name, value] = nameAndValue(point);
        const before = highest.get(name) ?? 0;
        if (value < before) this.dips++;
        else highest.set(name, value);
      }
      this.looksAtSinks++;
    }
  }

  async #lookAtBooks(): Promise<void> {
    const { client } = this.#region;
    if (client.status !== 'ready') return;
    const before = this.imbalances.length;
    for (const [partition, books] of (await readBooks(client, PREFIX, PARTITIONS)).entries()) {
      const accounted = accountedFor(books);
      if (accounted === books.received) continue;
      this.imbalances.push(`partition ${partition}: received ${books.received}, accounted for ${accounted}`);
    }
    this.looksAtBooks++;
    if (this.imbalances.length === before) this.balancedLooks++;
  }

  async #lookAtSizes(): Promise<void> {
    const { client, daemons, relays } = this.#region;
    for (const [id, daemon] of daemons) {
      if (!daemon.running) continue;
      this.peaks.rssBytes.set(id, Math.max(this.peaks.rssBytes.get(id) ?? 0, rssBytes(daemon.pid)));
    }
    for (const relay of relays) {
      if (!relay.running) continue;
      const bytes = await metricWithin(relay.http, 'weir_relay_journal_bytes', LOOK_EVERY_MS);
      this.peaks.journalBytes = Math.max(this.peaks.journalBytes, bytes ?? 0);
    }
    if (client.status !== 'ready') return;
    this.peaks.redisKeys = Math.max(this.peaks.redisKeys, await client.dbsize());
    const connected = /^connected_clients:(\d+)/m.exec(await client.info('clients'))?.[1];
    this.peaks.redisConnections = Math.max(this.peaks.redisConnections, Number(connected));
  }
}

/** Undefined when the daemon does not answer in time, or has no such sample. */
export async function metricWithin(address: string, sample: string, timeoutMs: number): Promise<number | undefined> {
  try {
    const response = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
    const line = (await response.text()).split('\n').find((candidate) => candidate.startsWith(`${sample} `));
    return line === undefined ? undefined : Number(line.slice(sample.length + 1));
  } catch (error) {
    // Frozen, killed, starting: somebody else judges that.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function rssBytes(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kib ?? 0) * 1024;
  } catch (error) {
    // It ended between the question and the look.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
