import { digestEntry } from '@weir/aggregator/digest';
import { GroupTable } from '@weir/aggregator/group-table';
import { LINE, LineScanner, type Precision } from '@weir/common/line-protocol';
import { Stamps } from '@weir/common/stamps';
import { BatchBuffer } from '@weir/relay/batch-buffer';
import { LineReader, type LineTaker } from '@weir/relay/lines';
import fc from 'fast-check';
import { brokenLine, generatedLine, precision } from '../../support/generated-lines.ts';

/**
 * Whole bodies of good and broken lines: each line has its own verdict, whatever stands around it, and what a relay took is
 * read by an aggregator as the same event.
 *
 * WEIR_SEED=<n> and WEIR_RUNS=<n> try other bodies and more of them; a failure names its seed.
 */
const SEED = process.env.WEIR_SEED === undefined ? {} : { seed: Number(process.env.WEIR_SEED) };
const RUNS = Number(process.env.WEIR_RUNS ?? 1_500);
const TIME_LIMIT_MS = 60_000 + RUNS * 5;
const NOW_MS = 1_478_507_600_000;
const MAX_BATCH_BYTES = 100_000;

type TakenKind = typeof LINE.userEvent | typeof LINE.other;

/** A line that was taken: what it said then, and its bytes in a batch. */
interface Taken {
  readonly lineNumber: number;
  readonly kind: TakenKind;
  readonly said: string;
  readonly line: Buffer;
}

class Batch implements LineTaker {
  readonly #kind: TakenKind;
  readonly #taken: Taken[];

  constructor(kind: TakenKind, taken: Taken[]) {
    this.#kind = kind;
    this.#taken = taken;
  }

  take(source: Buffer, start: number, end: number, scanner: LineScanner, lineNumber: number): void {
    const batch = new BatchBuffer(MAX_BATCH_BYTES);
    batch.add(source, start, end);
    this.#note(batch, source, scanner, lineNumber);
  }

  takeStamped(
    source: Buffer,
    start: number,
    end: number,
    sec: number,
    nanos: number,
    scanner: LineScanner,
    lineNumber: number,
  ): void {
    const batch = new BatchBuffer(MAX_BATCH_BYTES);
    batch.addStamped(source, start, end, sec, nanos);
    this.#note(batch, source, scanner, lineNumber);
  }

  #note(batch: BatchBuffer, source: Buffer, scanner: LineScanner, lineNumber: number): void {
    const said = meaning(this.#kind, scanner, source);
    this.#taken.push({ lineNumber, kind: this.#kind, said, line: batch.take().subarray(0, -1) });
  }
}

/** All that route, identity, window and series of a line are made of, and its fields. A stamp is no part of it. */
function meaning(kind: TakenKind, scanner: LineScanner, source: Buffer): string {
  const { contentStart, keyEnd, fieldsEnd, eventType, product, username, id, hasId } = scanner;
  const time = scanner.hasTimestamp ? timeOf(scanner) : 'none';
  const names = [eventType, product, username, ...(hasId ? [id] : [])].map(String);
  const parts = [source.toString('latin1', contentStart, keyEnd), source.toString('latin1', keyEnd, fieldsEnd), time];
  return JSON.stringify(kind === LINE.userEvent ? [...names, ...parts] : parts);
}

function timeOf({ timestampNegative, timestampSec, timestampNanos }: LineScanner): string {
  return `${timestampNegative ? '-' : ''}${BigInt(timestampSec) * 1_000_000_000n + BigInt(timestampNanos)}`;
}

const relay = new LineReader(new Stamps(7));
const aggregator = new LineScanner();

/** What becomes of each line, in order: taken with a meaning, rejected for a reason, or nothing. */
function read(body: Buffer, unit: Precision) {
  const taken: Taken[] = [];
  const takers = { events: new Batch(LINE.userEvent, taken), others: new Batch(LINE.other, taken) };
  const { accepted, others, rejected, rejections } = relay.read(body, unit, NOW_MS, takers);
  const verdicts = new Map<number, string>([
    ...taken.map(({ lineNumber, said }) => [lineNumber, said] as const),
    ...rejections.map(({ line, reason, detail }) => [line, `${reason}: ${detail}`] as const),
  ]);
  return { taken, verdicts, accepted, others, rejected };
}

const line = fc.oneof({ weight: 2, arbitrary: generatedLine }, { weight: 1, arbitrary: brokenLine });
const lines = fc.array(line, { maxLength: 8 });
const newline = fc.constantFrom('\n', '\n', '\r\n');

test(
  'each line has the verdict that it has alone, and all are accounted for',
  () => {
    fc.assert(
      fc.property(lines, newline, fc.boolean(), precision, (parts, end, ended, unit) => {
        const pieces = parts.flatMap((part) => [part, Buffer.from(end)]);
        const { verdicts, accepted, others, rejected } = read(
          Buffer.concat(ended ? pieces : pieces.slice(0, -1)),
          unit,
        );
        let blank = 0;
        for (const [i, part] of parts.entries()) {
          const whole = ended || i < parts.length - 1 ? Buffer.concat([part, Buffer.from(end)]) : part;
          const alone = read(whole, unit).verdicts;
          if (alone.size === 0) blank++;
          expect(verdicts.get(i + 1)).toBe(alone.get(1));
        }
        expect(accepted + others + rejected + blank).toBe(parts.length);
      }),
      { numRuns: RUNS, ...SEED },
    );
  },
  TIME_LIMIT_MS,
);

test(
  'an aggregator reads what a relay took as the same event, with the timestamp in nanoseconds',
  () => {
    const seen = { [LINE.userEvent]: 0, [LINE.other]: 0 };
    fc.assert(
      fc.property(line, precision, (part, unit) => {
        for (const { kind, said, line: written } of read(part, unit).taken) {
          seen[kind]++;
          expect(aggregator.scan(written, 0, written.length, 'ns')).toBe(kind);
          expect(aggregator.hasTimestamp).toBe(true);
          const again = meaning(kind, aggregator, written);
          // A line that came without a timestamp has one now, and is the same but for that.
          expect(said.endsWith(',"none"]') ? again.replace(/,"[0-9]+"\]$/, ',"none"]') : again).toBe(said);
        }
      }),
      { numRuns: RUNS * 4, ...SEED },
    );
    // Or the lines would show nothing.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(RUNS / 10);
  },
  TIME_LIMIT_MS,
);

test(
  'an aggregator counts every event of a batch, each once',
  () => {
    const key = { k0: 1, k1: 2 };
    fc.assert(
      fc.property(lines, precision, (parts, unit) => {
        const events = parts.flatMap((part) => read(part, unit).taken).filter(({ kind }) => kind === LINE.userEvent);
        const entry = {
          id: '1-0',
          batch: 'relay:0011223344556677:1',
          receivedMs: NOW_MS,
          lineCount: events.length,
          lines: Buffer.concat(events.flatMap(({ line: written }) => [written, Buffer.from('\n')])),
        };
        const digest = digestEntry(entry, { key, groups: new GroupTable(key), identity: 'content', windowSec: 60 });
        expect([digest?.length, digest?.unreadable]).toEqual([events.length, []]);
      }),
      { numRuns: RUNS, ...SEED },
    );
  },
  TIME_LIMIT_MS,
);
