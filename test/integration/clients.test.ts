import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { HttpError, InfluxDB } from '@influxdata/influxdb-client';
import { HealthAPI, PingAPI, ReadyAPI } from '@influxdata/influxdb-client-apis';
import { InfluxDB as InfluxDBv1, type IPoint } from 'influx';
import { findProgram } from '../support/child.ts';
import type { Daemon } from '../support/daemon.ts';
import { eventuallyHolds } from '../support/eventually.ts';
import { type MadeUpEvent, Oracle } from '../support/oracle.ts';
import { PROJECT_DIR } from '../support/project.ts';
import { type Region, startRegion } from '../support/region.ts';
import { tempDir } from '../support/temp-dir.ts';

/**
 * The clients that people have, pointed at a relay as they would be at an InfluxDB. Whatever each writes, user events and
 * lines that are none, both InfluxDBs hold exactly that, and what the ones before it wrote.
 */
let region: Region;
let one: Daemon;
let two: Daemon;
const truth = new Oracle();
/** Lines that are no user events, as both InfluxDBs show them. */
const otherLines: string[] = [];

beforeAll(async () => {
  region = await startRegion({ aggregators: 1 });
  [one, two] = region.relays as [Daemon, Daemon];
});

const START = 1_478_507_520_000_000_000n;

/** Events of one product, over two minutes, with names that have to be escaped. All of them are in the truth. */
function events(product: string, count: number): MadeUpEvent[] {
  const made = Array.from({ length: count }, (_, i) => ({
    product,
    eventType: ['http-5xx', 'log in', 'a,b=c'][i % 3]!,
    username: `user ${i % 7}, "${i % 2}"`,
    timestamp: START + (119_999_999_999n * BigInt(i)) / BigInt(count),
  }));
  for (const event of made) truth.add(event);
  return made;
}

/** Lines that are no user events, one second each. All of them are expected. */
function gauges(client: string, count: number): string[] {
  const made = Array.from(
    { length: count },
    (_, i) => `gauge,client=${client},host=h${i} level=${i},note="a \\"b\\", c" ${START + BigInt(i) * 1_000_000_000n}`,
  );
  otherLines.push(...made);
  return made;
}

const escapeTag = (text: string) => text.replace(/[, =]/g, '\\$&');
const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
const lineOf = ({ product, eventType, username, timestamp }: MadeUpEvent) =>
  `clicks,event_type=${escapeTag(eventType)},product=${escapeTag(product)},host=h1 value=${quote(username)} ${timestamp}`;

const BAD_LINE = 'clicks,event_type=a,product=b value=';
const urlOf = ({ http }: Daemon) => `http://${http}`;
async function arrived(): Promise<void> {
  await region.untilPoints(truth.points());
  const expected = [...otherLines].sort();
  await eventuallyHolds(
    async () => {
      for (const influxd of region.influxds) expect(await influxd.points(region.name, ['gauge'])).toEqual(expected);
    },
    { what: 'the lines that are no user events in every InfluxDB', timeoutMs: 15_000 },
  );
}

/** A program of the distribution, run to its end. */
function run(command: string, args: readonly string[], input: string | Buffer = '') {
  const program = findProgram(command);
  if (program === undefined) throw new Error(`no program ${command}: npm test installs it`);
  const { status, stdout, stderr } = spawnSync(program, args, { input, timeout: 30_000 });
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe('@influxdata/influxdb-client, of InfluxDB 2.x', () => {
  const options = { batchSize: 1_000, flushInterval: 0, maxRetries: 0, gzipThreshold: 100 };

  test('writes gzipped batches', async () => {
    const api = new InfluxDB({ url: urlOf(one), token: 'any' }).getWriteApi('any', 'any', 'ns', options);
    api.writeRecords([...gauges('v2', 20), ...events('client v2', 150).map(lineOf)]);
    await api.close();
    await arrived();
  });

  test('is told which line was bad, and loses no other', async () => {
    const failures: unknown[] = [];
    const writeFailed = (error: Error) => {
      failures.push(error);
      return Promise.resolve();
    };
    const client = new InfluxDB({ url: urlOf(two), token: 'any' });
    const api = client.getWriteApi('any', 'any', 'ns', { ...options, writeFailed });
    const [first, ...rest] = events('client v2 bad', 20).map(lineOf);
    api.writeRecords([first!, BAD_LINE, ...rest]);
    await api.close();
    const [failure] = failures as HttpError[];
    expect(failure).toBeInstanceOf(HttpError);
    expect(failure).toMatchObject({ statusCode: 400, code: 'invalid', json: { line: 2 } });
    expect(failure!.message).toMatch(/^partial write: 1 of 21 lines rejected: line 2: /);
    await arrived();
  });

  test('finds the relay well', async () => {
    const client = new InfluxDB({ url: urlOf(one) });
    expect(await new HealthAPI(client).getHealth()).toMatchObject({ name: 'weir-relay', status: 'pass' });
    expect(await new ReadyAPI(client).getReady()).toMatchObject({ status: 'ready', up: expect.any(String) });
    await new PingAPI(client).getPing();
  });
});

describe('influx, the client of 1.x', () => {
  const hosts = () => [one, two].map(({ http }) => ({ host: http.split(':')[0]!, port: Number(http.split(':')[1]) }));
  const pointOf = ({ product, eventType, username, timestamp }: MadeUpEvent): IPoint => ({
    measurement: 'clicks',
    tags: { event_type: eventType, product },
    fields: { value: username, n: 1 },
    timestamp: String(timestamp),
  });

  test('finds the relays online, and creates its database', async () => {
    const pings = await new InfluxDBv1({ hosts: hosts() }).ping(5_000);
    expect(pings).toHaveLength(2);
    for (const ping of pings) expect(ping).toMatchObject({ online: true, version: expect.stringMatching(/^1\.8\./) });
    const client = new InfluxDBv1(`http://${one.http}/events`);
    await client.createDatabase('events of influx');
    expect(await client.getDatabaseNames()).toContain('events of influx');
    await client.createRetentionPolicy('week', { database: 'events', duration: '7d', replication: 1 });
    const [policy] = await client.showRetentionPolicies('events');
    expect(policy).toMatchObject({ name: 'autogen', default: true });
    await expect(client.dropDatabase('events')).rejects.toThrow('DROP DATABASE is refused');
    await expect(client.query('select * from clicks')).rejects.toThrow('read from the InfluxDBs');
  });

  test('writes points', async () => {
    const client = new InfluxDBv1({ hosts: hosts(), database: 'events' });
    const others = gauges('v1', 20).map((_, i) => ({
      measurement: 'gauge',
      tags: { client: 'v1', host: `h${i}` },
      fields: { level: i, note: 'a "b", c' },
      timestamp: String(START + BigInt(i) * 1_000_000_000n),
    }));
    const points = [...events('client v1', 60).map(pointOf), ...others];
    for (let i = 0; i < points.length; i += 20) await client.writePoints(points.slice(i, i + 20));
    await arrived();
  });

  test('is told of a bad point, and loses no other', async () => {
    const client = new InfluxDBv1({ hosts: hosts(), database: 'events' });
    const bad = pointOf({ product: 'x', eventType: 'x', username: 'x'.repeat(300), timestamp: START });
    const written = client.writePoints([bad, ...events('client v1 bad', 5).map(pointOf)]);
    await expect(written).rejects.toThrow(/partial write: 1 of 6 lines rejected: line 1: name-length: .* dropped=1/);
    await arrived();
  });
});

describe("Debian's influx shell", () => {
  const place = ({ http }: Daemon) => ['-host', http.split(':')[0]!, '-port', http.split(':')[1]!];

  async function fileOf(lines: readonly string[]): Promise<string> {
    const file = join(await tempDir('import'), 'events.txt');
    const head = [
      ...[
        '# DDL',
        'CREATE DATABASE "imported events"',
        'CREATE RETENTION POLICY week ON events DURATION 7d REPLICATION 1',
      ],
      ...['# DML', '# CONTEXT-DATABASE: imported events', '# CONTEXT-RETENTION-POLICY: week'],
    ];
    const text = [...head, ...lines, ''].join('\n');
    await writeFile(file, text);
    await writeFile(`${file}.gz`, gzipSync(text));
    return file;
  }

  test('imports a file, and nothing counts twice when it is imported again', async () => {
    const lines = [...events('shell', 12_000 - 50).map(lineOf), ...gauges('shell', 50)];
    const file = await fileOf(lines);
    const importing = ['-import', '-precision', 'ns', '-path'];
    const first = run('influx', [...place(one), ...importing, file]);
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toMatch(/Processed 2 commands[\s\S]*Processed 12000 inserts[\s\S]*Failed 0 inserts/);
    const again = run('influx', [...place(two), '-compressed', '-consistency', 'any', ...importing, `${file}.gz`]);
    expect(again).toMatchObject({ status: 0, stderr: '' });
    await arrived();
    const shown = run('influx', [...place(one), '-execute', 'SHOW DATABASES']);
    expect(shown.stdout).toContain('imported events');
  });

  test('says what it could not import, which is less than it believes', async () => {
    const file = await fileOf([...events('shell bad', 9).map(lineOf), BAD_LINE]);
    const { status, stderr } = run('influx', [...place(one), '-import', '-precision', 'ns', '-path', file]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/error writing batch: +\{"error":"partial write: 1 of 10 lines rejected/);
    await arrived();
  });

  test('inserts, and is told where to read', async () => {
    const [event] = events('shell insert', 1);
    const insert = run('influx', [...place(one), '-database', 'events', '-execute', `INSERT ${lineOf(event!)}`]);
    expect(insert).toMatchObject({ status: 0, stderr: '' });
    const select = run('influx', [...place(one), '-database', 'events', '-execute', 'SELECT * FROM clicks']);
    expect(select.status).toBe(1);
    expect(select.stderr).toMatch(/^this is a Weir relay, which only takes writes: read from/);
    await arrived();
  });
});

describe('curl', () => {
  const post = (relay: Daemon, path: string, body: string | Buffer, ...headers: string[]) => {
    const fields = headers.flatMap((header) => ['-H', header]);
    return run('curl', ['-sS', '--fail-with-body', ...fields, '--data-binary', '@-', `${urlOf(relay)}${path}`], body);
  };

  test('writes what was gzipped', async () => {
    const body = gzipSync([...gauges('curl', 20), ...events('curl', 50).map(lineOf)].join('\n'));
    for (const path of ['/write?db=events', '/api/v2/write?org=o&bucket=b', '/events']) {
      expect(post(one, path, body, 'Content-Encoding: gzip')).toEqual({ status: 0, stdout: '', stderr: '' });
    }
    await arrived();
  });

  test('writes JSON, which is the same event as its line', async () => {
    const made = events('curl JSON', 50);
    const items = made.map(({ product, eventType, username, timestamp }, i) => {
      const names = JSON.stringify({ event_type: eventType, product, username });
      return names.replace('{', `{"timestamp":${i % 2 === 0 ? timestamp : `"${timestamp}"`},`);
    });
    const done = { status: 0, stdout: '', stderr: '' };
    expect(post(one, '/events', `[${items.join()}]`, 'Content-Type: application/json')).toEqual(done);
    expect(post(two, '/events', items.join('\n'), 'Content-Type: application/x-ndjson')).toEqual(done);
    expect(post(two, '/events', gzipSync(items[0]!), 'Content-Encoding: gzip')).toEqual(done);
    expect(post(two, '/write', made.map(lineOf).join('\n'))).toEqual(done);
    await arrived();
  });

  test('ends with 22 when something was rejected, and shows what', async () => {
    const { status, stdout } = post(one, '/events', '{"event_type":"a","username":"u"}');
    expect(status).toBe(22);
    expect(JSON.parse(stdout)).toMatchObject({
      rejected: [{ item: 1, reason: 'missing-tag', detail: 'the key product is missing' }],
    });
  });
});

describe('where a token is asked for', () => {
  const token = 'q7VQm0vCw5tq';
  let guarded: Daemon;
  let host: string;
  let port: string;
  beforeAll(async () => {
    const file = join(await tempDir('tokens'), 'tokens.yaml');
    const hash = createHash('sha256').update(token).digest('hex');
    await writeFile(file, `- name: clients\n  hash: ${hash}\n`);
    guarded = await region.startRelay('relay-guarded', ['--tokens', file]);
    [host, port] = guarded.http.split(':') as [string, string];
  });

  test('@influxdata/influxdb-client brings it', async () => {
    const write = async (withToken: string, line: string) => {
      const client = new InfluxDB({ url: urlOf(guarded), token: withToken });
      const failures: Error[] = [];
      const writeFailed = async (error: Error) => void failures.push(error);
      const api = client.getWriteApi('any', 'any', 'ns', { maxRetries: 0, writeFailed });
      api.writeRecord(line);
      await api.close();
      return failures;
    };
    expect(await write('another', BAD_LINE)).toMatchObject([{ statusCode: 401, code: 'unauthorized' }]);
    const [event] = events('token v2', 1);
    expect(await write(token, lineOf(event!))).toEqual([]);
    await arrived();
  });

  test('influx brings it as a password', async () => {
    const client = (password: string) =>
      new InfluxDBv1({ host, port: Number(port), username: 'any', password, database: 'events' });
    await expect(client('another').createDatabase('events')).rejects.toThrow('authorization failed');
    await client(token).createDatabase('events');
    const [event] = events('token v1', 1);
    const { product, eventType, username, timestamp } = event!;
    const tags = { event_type: eventType, product };
    await client(token).writePoints([
      { measurement: 'clicks', tags, fields: { value: username }, timestamp: String(timestamp) },
    ]);
    await arrived();
  });

  test('the influx shell brings it as a password', async () => {
    const [event] = events('token shell', 1);
    const insert = (password: string) =>
      run('influx', [
        '-host',
        host,
        '-port',
        port,
        '-username',
        'any',
        '-password',
        password,
        '-database',
        'events',
        '-execute',
        `INSERT ${lineOf(event!)}`,
      ]);
    // It ends with 0 whatever became of an INSERT.
    expect(insert('another').stdout).toContain('authorization failed');
    expect(insert(token)).toMatchObject({ status: 0, stderr: '' });
    await arrived();
  });
});

test('the examples for the shell do what they say', async () => {
  const page = await readFile(join(PROJECT_DIR, 'docs/clients.md'), 'utf8');
  const examples = [...page.matchAll(/\n\n((?: {4}.*\n)+)/g)].map(([, block]) => block!.replace(/^ {4}/gm, ''));
  const dir = await tempDir('examples');
  const begins = (word: string) => examples.filter((example) => example.startsWith(word));
  await writeFile(join(dir, 'events.lp'), events('example', 3).map(lineOf).join('\n'));
  await writeFile(join(dir, 'events.txt'), begins('# DDL')[0]!);
  const ada = { eventType: 'login', product: 'shop', username: 'ada' };
  for (const nanos of [0n, 415_525_888n]) truth.add({ ...ada, timestamp: 1_478_507_534_000_000_000n + nanos });

  const scripts = [...begins('influx '), ...begins('curl ')];
  expect(scripts).toHaveLength(3);
  const [host, port] = one.http.split(':');
  for (const script of scripts) {
    const here = script
      .replaceAll('relay:9600', one.http)
      .replaceAll('-host relay-1 -port 9600', `-host ${host} -port ${port}`);
    expect(run('sh', ['-euc', `cd ${dir}\nRELAY_TOKEN=any\n${here}`])).toMatchObject({ status: 0 });
  }
  await arrived();
});

test('no relay had anything to complain of, and the books balance', async () => {
  for (const relay of region.relays) {
    expect(relay.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  }
  await region.ledger();
});
