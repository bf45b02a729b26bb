import { setTimeout as sleep } from 'node:timers/promises';
import { cleanup } from './cleanup.ts';
import type { Region } from './region.ts';

/**
 * Looks at every point of a region's InfluxDBs again and again, from its start until `stop`, and notes each that became
 * smaller or went away. Clients of an InfluxDB see what it sees.
 */
export class TotalsWatch {
  /** `az1: <point> was <value>`. */
  readonly regressions: string[] = [];
  looks = 0;
  readonly #region: Region;
  /** By InfluxDB: the point without its value → the value. */
  readonly #last: ReadonlyMap<string, number>[];
  readonly #abort = new AbortController();
  readonly #watching: Promise<void>;

  constructor(region: Region) {
    this.#region = region;
    this.#last = region.influxds.map(() => new Map());
    this.#watching = this.#watch();
    // Whoever awaits `stop` gets it; nobody else has to.
    this.#watching.catch(() => undefined);
    cleanup('watch of the totals', () => this.#abort.abort());
  }

  /** Rejects when a look failed. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const all = await this.#region.points();
      for (const [i, points] of all.entries()) this.#compare(i, points);
      this.looks++;
      await sleep(LOOK_EVERY_MS);
    }
  }

  #compare(i: number, points: readonly string[]): void {
    const now = new Map(points.map(nameAndValue));
    for (const [name, value] of this.#last[i]!) {
      if ((now.get(name) ?? 0) < value) this.regressions.push(`az${i + 1}: ${name} was ${value}, is ${now.get(name)}`);
    }
    (this.#last as Map<string, number>[])[i] = now;
  }
}

const LOOK_EVERY_MS = 50;

/** `unique_user_event,product=a value=2 60` → `unique_user_event,product=a 60` and 2. */
function nameAndValue(point: string): [string, number] {
  const match = /^(.*) value=(\S+) (\d+)$/.exec(point)!;
  return [`${match[1]} ${match[3]}`, Number(match[2])];
}
