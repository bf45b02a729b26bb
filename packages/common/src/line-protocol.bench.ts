import { bench } from 'mitata';
import { LineScanner } from './line-protocol.ts';

/** A thousand lines of each form, beside what one would write first: a regular expression over the line as text. */
const LINES = 1000;
const NEWLINE = 10;
const user = (i: number) => `user${(i * 7919) % 10_000}`;
const stamp = (i: number) => `1478507534${String(i).padStart(9, '0')}`;
const group = (i: number) => `event_type=type${i % 10},product=product${i % 2}`;
const textOf = (line: (i: number) => string) =>
  Buffer.from(`${Array.from({ length: LINES }, (_, i) => line(i)).join('\n')}\n`);

const bare = textOf((i) => `${group(i)} value=${user(i)} ${stamp(i)}`);
const measured = textOf((i) => `clicks,host=web${i % 4},${group(i)} n=3i,value="${user(i)}" ${stamp(i)}`);

const scanner = new LineScanner();

function scanAll(body: Buffer): number {
  let found = 0;
  for (let start = 0; start < body.length; ) {
    const end = body.indexOf(NEWLINE, start);
    found += scanner.scan(body, start, end, 'ns');
    start = end + 1;
  }
  return found;
}

const BARE = /^event_type=([^,= ]+),product=([^,= ]+) value=([^, ]+) (\d{1,19})$/;

/** Strings instead of places, and nothing checked. */
function matchAll(body: Buffer): number {
  let found = 0;
  for (const line of body.toString().split('\n')) found += BARE.exec(line)?.[3]?.length ?? 0;
  return found;
}

bench('LineScanner, bare form', () => scanAll(bare));
bench('LineScanner, measured form', () => scanAll(measured));
bench('a regular expression over text, bare form', () => matchAll(bare));
