import { Child } from './child.ts';
import { type DebianProgram, debianProgram } from './debian-package.ts';
import { freePort } from './free-port.ts';
import { Server, startOnFreePort } from './server.ts';
import { tempDir } from './temp-dir.ts';

/**
 * A real VictoriaMetrics of one's own on a free loopback port: a server with InfluxDB's 2.x write API, which Debian has and
 * of which this machine may run a newer release's. It keeps the largest of several values for one moment, as Weir does.
 */
export async function startVictoriaMetrics(program: DebianProgram): Promise<VictoriaMetrics> {
  return startOnFreePort(async () => new VictoriaMetrics(await freePort(), await tempDir('victoria-metrics'), program));
}

/** Rejects where there is none; `whyUnavailable` tells whether that is the machine's lot. */
export function findVictoriaMetrics(): Promise<DebianProgram> {
  return debianProgram({ packageName: 'victoria-metrics', program: 'victoria-metrics', probeArgs: ['-version'] });
}

/** In one line: there is no network, or no Debian. Undefined for any other error, which is then ours. */
export function whyUnavailable(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : '';
  const reason =
    /Could not resolve .*|Could not connect .*|Unable to connect .*|Failed to fetch .*|Unable to locate package .*/.exec(
      text,
    ) ?? /apt is not set up for an archive of Debian|spawn (?:apt-get|dpkg-deb) ENOENT/.exec(text);
  return reason?.[0];
}

/** One value of a series at a moment. */
export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
  timestampMs: number;
}

export class VictoriaMetrics extends Server {
  readonly url: string;
  readonly #program: DebianProgram;

  constructor(port: number, dir: string, program: DebianProgram) {
    super('victoria-metrics', port, dir);
    this.url = `http://127.0.0.1:${port}`;
    this.#program = program;
  }

  /** Everything it holds, in no order. */
  async samples(): Promise<Sample[]> {
    // What was written within the last second is not shown before.
    await this.#get('/internal/force_flush');
    const everything = new URLSearchParams({ 'match[]': '{__name__!=""}', start: '0' });
    const lines = (await this.#get(`/api/v1/export?${everything}`)).split('\n').filter((line) => line !== '');
    return lines.flatMap((line) => {
      const { metric, values, timestamps } = JSON.parse(line) as ExportedSeries;
      const { __name__: name = '', ...labels } = metric;
      return values.map((value, i) => ({ name, labels, value, timestampMs: timestamps[i]! }));
    });
  }

  protected override launch(): Promise<Child> {
    const args = [
      `-httpListenAddr=127.0.0.1:${this.port}`,
      `-storageDataPath=${this.dir}`,
      '-retentionPeriod=100y',
      '-dedup.minScrapeInterval=1ms',
    ];
    return Child.start({ name: this.name, command: this.#program.path, args });
  }

  protected override async answers(): Promise<boolean> {
    return (await this.#get('/health')) === 'OK';
  }

  async #get(path: string): Promise<string> {
    const response = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(10_000) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${this.name} on ${path}: ${response.status} ${text}`);
    return text;
  }
}

interface ExportedSeries {
  metric: Record<string, string>;
  values: number[];
  timestamps: number[];
}
