import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { Child } from './child.ts';
import { cleanup } from './cleanup.ts';
import { freePort } from './free-port.ts';
import { exactJson, formatPoints, type Series } from './influx-points.ts';
import { Server, startOnFreePort } from './server.ts';
import { tempDir } from './temp-dir.ts';

/** A real influxd (InfluxDB 1.x) of one's own on free loopback ports; gone, with its files, when the test is over. */
export async function startInfluxd(): Promise<Influxd> {
  return startOnFreePort(async () => {
    const dir = await tempDir('influxd');
    const influxd = new Influxd(await freePort(), dir);
    await writeFile(influxd.configFile, configuration(influxd.port, await freePort(), dir));
    return influxd;
  });
}

const TOTALS = ['cumulative_user_event', 'unique_user_event'];

export class Influxd extends Server {
  readonly url: string;
  readonly configFile: string;
  readonly #writes: RequestOptions;

  constructor(port: number, dir: string) {
    super('influxd', port, dir);
    this.url = `http://127.0.0.1:${port}`;
    this.configFile = join(dir, 'influxdb.conf');
    const agent = new Agent({ keepAlive: true });
    cleanup(`connections to ${this.name}`, () => agent.destroy());
    this.#writes = { host: '127.0.0.1', port, method: 'POST', agent };
  }

  async createDatabase(name: string): Promise<void> {
    await this.query('', `CREATE DATABASE "${name}"`);
  }

  /** The series of the one statement's result; times are RFC 3339 with nanoseconds, so nothing is rounded. */
  async query(database: string, influxql: string): Promise<Series[]> {
    const body = new URLSearchParams({ db: database, q: influxql });
    const response = await fetch(`${this.url}/query`, { method: 'POST', body });
    const answer = exactJson(await response.text()) as {
      error?: string;
      results?: { error?: string; series?: Series[]; partial?: boolean }[];
    };
    const error = answer.error ?? answer.results?.[0]?.error;
    if (error !== undefined) throw new Error(`${this.name} on ${influxql}: ${error}`);
    if (answer.results?.[0]?.partial) throw new Error(`${this.name} cut the answer to ${influxql} short`);
    return answer.results?.[0]?.series ?? [];
  }

  /**
   * Every point of the measurements (the two totals unless told) as sorted line protocol: tags sorted, a float without
   * decimals as `2`, an integer as `2i`, the timestamp in nanoseconds.
   */
  async points(database: string, measurements: readonly string[] = TOTALS): Promise<string[]> {
    const from = measurements.map((measurement) => `"${measurement.replace(/["\\]/g, '\\$&')}"`).join(', ');
    const types = await this.query(database, `SHOW FIELD KEYS FROM ${from}`);
    return formatPoints(await this.query(database, `SELECT * FROM ${from} GROUP BY *`), types);
  }

  /** Line protocol, straight into the database: for what another writer left there. */
  async write(database: string, lines: readonly string[]): Promise<void> {
    const { status, words } = await this.answerTo(database, lines.join('\n'));
    if (status !== 204) throw new Error(`${this.name}: ${status} ${words}`);
  }

  /** What it says to a body, be it good or bad. */
  async answerTo(
    database: string,
    body: string | Uint8Array,
    precision = 'ns',
  ): Promise<{ status: number; words: string }> {
    const path = `/write?${new URLSearchParams({ db: database, precision })}`;
    // It says what it refuses in a header too, with any control characters in it, which a careful parser takes for a trick.
    const request = httpRequest({ ...this.#writes, path, insecureHTTPParser: true });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return { status: response.statusCode!, words: await readText(response) };
  }

  protected override launch(): Promise<Child> {
    return Child.start({ name: this.name, command: 'influxd', args: ['run', '-config', this.configFile] });
  }

  protected override async answers(): Promise<boolean> {
    const response = await fetch(`${this.url}/ping`, { signal: AbortSignal.timeout(1000) });
    return response.status === 204;
  }
}

function configuration(port: number, rpcPort: number, dir: string): string {
  return `reporting-disabled = true
bind-address = "127.0.0.1:${rpcPort}"

[meta]
dir = "${dir}/meta"
logging-enabled = false

[data]
dir = "${dir}/data"
wal-dir = "${dir}/wal"
query-log-enabled = false

[http]
bind-address = "127.0.0.1:${port}"
log-enabled = false
max-row-limit = 0

[monitor]
store-enabled = false

[subscriber]
enabled = false

[continuous_queries]
enabled = false
`;
}
