import { Stamps } from '@weir/common/stamps';
import { EventTranslator } from '@weir/relay/json/json-events';
import { LineReader, type LineTaker } from '@weir/relay/lines';

/**
 * What an event costs a relay as JSON, beside the same as a line, and beside JSON.parse, which would round its timestamp. Short
 * rounds over all forms in turn, and the best round of each, so that another program on the machine disturbs none more
 * than the others.
 *
 *   node dist/bench/json-events.js [rounds]
 */
const [rounds = 500] = process.argv.slice(2, 3).map(Number);
const EVENTS = 2_000;
const NOW_MS = 1_478_507_600_000;

const names = Array.from({ length: EVENTS }, (_, i) => {
  const n = i * 7919;
  return { event_type: `type${n % 10}`, product: `product${n % 3}`, username: `user${n}`, timestamp: stampOf(n) };
});
const items = names.map((event) => JSON.stringify(event));
const lines = names.map(
  ({ event_type, product, username, timestamp }) =>
    `event_type=${event_type},product=${product} value="${username}" ${timestamp}`,
);

function stampOf(n: number): string {
  return `1478507534${String(n % 1e9).padStart(9, '0')}`;
}

let taken = 0;
const taker: LineTaker = { take: () => taken++, takeStamped: () => taken++ };
const reader = new LineReader(new Stamps(0));
const translator = new EventTranslator();
const readLines = (body: Buffer) => void reader.read(body, 'ns', NOW_MS, { events: taker });

function readJson(body: Buffer): void {
  const translated = translator.translate(body);
  if ('broken' in translated) throw new Error(translated.broken);
  readLines(translated.lines);
}

const forms = [
  { name: 'lines', body: Buffer.from(lines.join('\n')), run: readLines },
  { name: 'JSON on lines', body: Buffer.from(items.join('\n')), run: readJson },
  { name: 'JSON array', body: Buffer.from(`[${items.join()}]`), run: readJson },
  {
    name: 'JSON.parse',
    body: Buffer.from(`[${items.join()}]`),
    run: (body: Buffer) => {
      taken += JSON.parse(body.toString()).length;
    },
  },
].map((form) => ({ ...form, bestMs: Number.POSITIVE_INFINITY }));

// The first rounds are where the compiler learns.
for (let round = -50; round < rounds; round++) {
  for (const form of forms) {
    taken = 0;
    const startedMs = performance.now();
    form.run(form.body);
    if (round >= 0) form.bestMs = Math.min(form.bestMs, performance.now() - startedMs);
    if (taken !== EVENTS) throw new Error(`${form.name}: ${taken} of ${EVENTS} events`);
  }
}
for (const { name, body, bestMs } of forms) {
  const nanos = ((bestMs / EVENTS) * 1e6).toFixed(0);
  const megabytes = (body.length / bestMs / 1_000).toFixed(0);
  process.stdout.write(`${name.padEnd(14)} ${nanos.padStart(6)} ns an event, ${megabytes.padStart(5)} MB/s\n`);
}
