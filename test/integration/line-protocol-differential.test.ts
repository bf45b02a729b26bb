import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LINE, LineScanner, type Precision } from '@weir/common/line-protocol';
import { DEFAULT_SHAPE } from '@weir/common/point-shape';
import { type InfluxV1Spec, parseSinkUrl } from '@weir/common/sink-url';
import { Stamps } from '@weir/common/stamps';
import { LineReader } from '@weir/relay/lines';
import { InfluxV1Sink } from '@weir/sinks/influx-v1';
import fc from 'fast-check';
import { cleanup } from '../support/cleanup.ts';
import { ExpectedPoints, FieldTypes } from '../support/expected-points.ts';
import { generatedLine, precision } from '../support/generated-lines.ts';
import { type InfluxLine, isLost, readInfluxLine } from '../support/influx-line.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import { INFLUXDB_ALONE_TAKES, type JudgedLine, WEIR_ALONE_TAKES } from '../support/line-differences.ts';
import { PROJECT_DIR } from '../support/project.ts';
import { TakenLines } from '../support/taken-lines.ts';

/**
 * The line scanner and a real InfluxDB on the same lines: what one takes and the other does not is one of the differences
 * that are meant, and what InfluxDB stores of an other line, as it was sent or as a sink passes it on, is what it says.
 *
 * WEIR_SEED=<n> and WEIR_LINES=<n> make other lines; a failure names the seed.
 */
const SEED = Number(process.env.WEIR_SEED ?? 20_161_107);
const LINES = Number(process.env.WEIR_LINES ?? 3_000);
const TIME_LIMIT_MS = 60_000 + LINES * 10;

/** The relay's clock, for lines without a timestamp. */
const NOW_MS = 1_478_507_520_000;

const scanner = new LineScanner(64 * 1024);
const relay = new LineReader(new Stamps(0));
const judged: (JudgedLine & { taken: boolean })[] = [];
const shelves: Shelf[] = [];
let influxd: Influxd;
let startedMs = 0;

/** Two databases with the same lines: as they were sent, and as they are passed on. */
interface Shelf {
  readonly types: FieldTypes;
  readonly sent: { database: string; expected: ExpectedPoints };
  readonly passedOn: { database: string; expected: ExpectedPoints; lines: readonly string[] };
  readonly others: TakenLines;
}

beforeAll(async () => {
  influxd = await startInfluxd();
  startedMs = Date.now();
  await createDatabase('blank');
  const examples = [...WEIR_ALONE_TAKES, ...INFLUXDB_ALONE_TAKES].map(
    ({ example }) => [Buffer.from(example), 'ns'] as const,
  );
  const generated = fc.sample(fc.tuple(generatedLine, precision), { seed: SEED, numRuns: LINES });
  for (const [line, unit] of [...examples, ...generated]) {
    const kind = scanner.scan(line, 0, line.length, unit);
    const reason = kind === LINE.rejected ? scanner.reason : undefined;
    const ours = { line, text: line.toString(), kind, reason, detail: scanner.detail };
    judged.push({ ...ours, taken: await takes(ours, unit) });
  }
}, TIME_LIMIT_MS);

/** Whether InfluxDB takes the line when it comes alone. */
async function takes({ line, text, kind }: JudgedLine, unit: Precision): Promise<boolean> {
  if (kind === LINE.blank) return (await answerTo('blank', line, unit)).status === 204;
  if (kind !== LINE.other) return isTaken(line, unit);
  const read = readInfluxLine(text, unit);
  if (isLost(read)) return isTaken(line, unit);
  const { types, sent, passedOn, others } = await shelfFor(read);
  if ((await answerTo(sent.database, line, unit)).status !== 204) return false;
  types.add(read);
  // Without a timestamp InfluxDB gives it the present, which is no part of what it says.
  if (read.time !== undefined) sent.expected.add(read, read.time);
  expect(relay.read(line, unit, NOW_MS, { events: new TakenLines(), others }).others).toBe(1);
  passedOn.expected.add(read, read.time ?? timeOf(others.lines.at(-1)!));
  return true;
}

/** Of a line that ends with its timestamp. */
function timeOf(line: string): bigint {
  return BigInt(line.slice(line.lastIndexOf(' ') + 1));
}

async function shelfFor(read: InfluxLine): Promise<Shelf> {
  const found = shelves.find(({ types }) => types.admits(read));
  if (found !== undefined) return found;
  const n = shelves.length;
  const others = new TakenLines();
  const shelf: Shelf = {
    types: new FieldTypes(),
    sent: { database: `sent-${n}`, expected: new ExpectedPoints() },
    passedOn: { database: `passed-on-${n}`, expected: new ExpectedPoints(), lines: others.lines },
    others,
  };
  for (const { database } of [shelf.sent, shelf.passedOn]) await createDatabase(database);
  shelves.push(shelf);
  return shelf;
}

let verdicts = 0;
/** A line that a field of another type keeps out of one database is tried in the next, which at last is a fresh one. */
async function isTaken(line: Buffer, unit: Precision): Promise<boolean> {
  for (let i = 0; ; i++) {
    const fresh = i === verdicts;
    if (fresh) await createDatabase(`verdicts-${verdicts++}`);
    const { status, words } = await answerTo(`verdicts-${i}`, line, unit);
    if (status === 204 || fresh || !words.includes('field type conflict')) return status === 204;
  }
}

/** One shard for two centuries: times of all ages must not cost a shard each. */
async function createDatabase(name: string): Promise<void> {
  await influxd.query('', `CREATE DATABASE "${name}" WITH DURATION INF REPLICATION 1 SHARD DURATION 10000w`);
}

/** 1.6 takes `us` for nanoseconds without a word. */
function answerTo(database: string, line: Buffer, unit: Precision): Promise<{ status: number; words: string }> {
  return influxd.answerTo(database, line, unit === 'us' ? 'u' : unit);
}

function show({ text, kind, reason, detail }: JudgedLine): string {
  const shown = text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text;
  return `${JSON.stringify(shown)}: ${kind === LINE.rejected ? `${reason}: ${detail}` : `kind ${kind}`}`;
}

const differ = (differences: typeof WEIR_ALONE_TAKES, taken: boolean) =>
  judged
    .filter((line) => line.taken === taken && (line.kind !== LINE.rejected) !== taken)
    .map((line) => ({ line, meant: differences.filter(({ holds }) => holds(line)).map(({ name }) => name) }));

describe(`of ${LINES} lines from the seed ${SEED}`, () => {
  test.each([
    ['Weir', WEIR_ALONE_TAKES, false],
    ['InfluxDB', INFLUXDB_ALONE_TAKES, true],
  ] as const)('%s alone takes none but those that are meant, and each of these occurs', (_, differences, taken) => {
    const found = differ(differences, taken);
    const unmeant = found.filter(({ meant }) => meant.length === 0).map(({ line }) => show(line));
    expect(unmeant.sort((a, b) => a.length - b.length).slice(0, 20)).toEqual([]);
    const meant = new Set(found.flatMap((difference) => difference.meant));
    expect([...meant].sort()).toEqual(differences.map(({ name }) => name).sort());
  });

  test('a text of several lines, which InfluxDB takes, is a bad line and whatever follows', async () => {
    const line = Buffer.from('m f="two\nlines" 5');
    expect(await isTaken(line, 'ns')).toBe(true);
    expect(scanner.scan(line, 0, line.indexOf(0x0a), 'ns')).toBe(LINE.rejected);
  });

  test('those that are blank leave nothing behind', async () => {
    expect(judged.filter(({ kind, taken }) => kind === LINE.blank && !taken)).toEqual([]);
    expect(await influxd.query('blank', 'SHOW SERIES')).toEqual([]);
  });

  test(
    'other lines are stored as the scanner reads them, as they were sent and as a sink passes them on',
    async () => {
      for (const { sent, passedOn } of shelves) {
        const url = `${influxd.url}?${new URLSearchParams({ db: passedOn.database })}`;
        const sink = new InfluxV1Sink(parseSinkUrl(url) as InfluxV1Spec, DEFAULT_SHAPE);
        cleanup(`sink ${sink.name}`, () => sink.close());
        expect(await sink.writeLines(passedOn.lines)).toEqual({ rejected: [] });
        for (const { database, expected } of [sent, passedOn]) {
          expect(await storedPoints(database)).toEqual(expected.points);
        }
      }
    },
    TIME_LIMIT_MS,
  );
});

async function storedPoints(database: string): Promise<string[]> {
  const measurements = (await influxd.query(database, 'SHOW MEASUREMENTS'))[0]?.values.flat().map(String) ?? [];
  const points: string[] = [];
  // One by one: a question about several answers with one type for a field that has another in each.
  for (const measurement of measurements) points.push(...(await influxd.points(database, [measurement])));
  return points.filter((point) => !isPresent(point)).sort();
}

function isPresent(point: string): boolean {
  const ms = Number(timeOf(point)) / 1e6;
  return ms > startedMs - 3_600_000 && ms <= Date.now();
}

test('every difference that is meant is written down', async () => {
  const page = await readFile(join(PROJECT_DIR, 'docs', 'line-protocol.md'), 'utf8');
  for (const { name } of [...WEIR_ALONE_TAKES, ...INFLUXDB_ALONE_TAKES]) expect(page).toContain(`**${name}**`);
});
