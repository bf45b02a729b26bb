import { LINE, type LineKind, LineScanner } from '@weir/common/line-protocol';

/**
 * How fast lines are scanned, for each form that clients send: what every event costs twice, once in a relay and once in an
 * aggregator. Short rounds over all forms in turn, and the best round of each, so that another program on the machine
 * disturbs none more than the others.
 *
 *   node dist/bench/line-scan.js [rounds]
 */
const [rounds = 1_000] = process.argv.slice(2, 3).map(Number);
const LINES_PER_ROUND = 2_000;
const NEWLINE = 0x0a;

interface Form {
  name: string;
  kind: LineKind;
  line: (n: number) => string;
}

const timestamp = (n: number) => `1478507534${String(n % 1e9).padStart(9, '0')}`;
const FORMS: readonly Form[] = [
  {
    name: "the article's",
    kind: LINE.userEvent,
    line: (n) => `event_type=http-5xx,product=productA value=testusername${n} ${timestamp(n)}`,
  },
  {
    name: 'measured',
    kind: LINE.userEvent,
    line: (n) =>
      `clicks,event_type=http-5xx,host=web${n % 20},product=productA value="testusername${n}",n=3i ${timestamp(n)}`,
  },
  {
    name: 'with escapes',
    kind: LINE.userEvent,
    line: (n) => `event_type=http\\ 5xx,product=product\\,A value="test \\"user\\" ${n}",id="${n}" ${timestamp(n)}`,
  },
  {
    name: 'beyond ASCII',
    kind: LINE.userEvent,
    line: (n) => `event_type=größe,product=Ωmega value=benützer🙂${n} ${timestamp(n)}`,
  },
  {
    name: 'other',
    kind: LINE.other,
    line: (n) => `cpu,host=web${n % 20},region=eu-west usage_user=${n % 100}.5,usage_system=3i ${timestamp(n)}`,
  },
];

const bodies = FORMS.map((form) => {
  const lines = Array.from({ length: LINES_PER_ROUND }, (_, n) => form.line(n * 7919));
  return { ...form, body: Buffer.from(`${lines.join('\n')}\n`), bestMs: Number.POSITIVE_INFINITY };
});
const scanner = new LineScanner();

/** The lines of the kind, so that nothing of the work can be left out. */
function scanAll(body: Buffer, kind: LineKind): number {
  let found = 0;
  for (let start = 0; start < body.length; ) {
    const end = body.indexOf(NEWLINE, start);
    if (scanner.scan(body, start, end, 'ns') === kind) found++;
    start = end + 1;
  }
  return found;
}

// The first rounds are where the compiler learns.
for (let round = -100; round < rounds; round++) {
  for (const form of bodies) {
    const startedMs = performance.now();
    const found = scanAll(form.body, form.kind);
    if (round >= 0) form.bestMs = Math.min(form.bestMs, performance.now() - startedMs);
    if (found !== LINES_PER_ROUND) throw new Error(`lines ${form.name} are not what they should be`);
  }
}
for (const { name, body, bestMs } of bodies) {
  const perSecond = (LINES_PER_ROUND / bestMs / 1_000).toFixed(2);
  const megabytes = (body.length / bestMs / 1_000).toFixed(0);
  process.stdout.write(`${name.padEnd(14)} ${perSecond.padStart(6)} million lines/s, ${megabytes.padStart(5)} MB/s\n`);
}
