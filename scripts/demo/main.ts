/**
 * `npm run demo`: a whole region on this machine, on free loopback ports, for about half a minute. Two relays take the
 * five lines of the example and a stream of made-up events, one aggregator is killed with -9 on the way, and in the end
 * both InfluxDBs must hold exactly what the demo's own oracle counted. Every number it prints about a database it has
 * read from that database. Ends with 0 when all is exact, else with 1 and what differs; leaves nothing behind.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { articleLines, articlePoints } from '../../test/support/article.ts';
import { disposeAll } from '../../test/support/cleanup.ts';
import { Oracle } from '../../test/support/oracle.ts';
import { sendLines } from './client.ts';
import { bareLine, madeUpEvents, protocolLine } from './made-up-events.ts';
import { DATABASE, type Region, startRegion } from './region.ts';
import { differences, eventsIn, sameLines, timestampOf } from './verdict.ts';

const STREAM_SEC = 12;
const EVENTS_PER_SECOND = 2000;
const REQUESTS_PER_SECOND = 10;
/** Every so many requests a client does not trust the answer and sends the same again, at the other relay. */
const SENT_AGAIN_EVERY = 8;
const KILL_AFTER_SEC = 5;
const EXACT_WITHIN_MS = 60_000;

const startedMs = performance.now();
let stopping = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    say(`${signal}: taking everything down`);
    void disposeAll().finally(() => process.exit(130));
  });
}

try {
  await demo();
  say('taking everything down');
} catch (error) {
  fail(error);
}
try {
  if (!stopping) await disposeAll();
} catch (error) {
  fail(error);
}

async function demo(): Promise<void> {
  say('starting one Redis, two InfluxDBs, two relays and two aggregators');
  const region = await startRegion((line) => say(`  ${line}`));

  await sendArticle(region);
  const oracle = new Oracle();
  await sendStream(region, oracle);
  const expected = [...articlePoints(), ...oracle.points()].sort();
  await untilExact(region, expected);
  await report(region, oracle);

  for (const { daemon } of [...region.zones.map(({ relay }) => ({ daemon: relay })), ...region.aggregators]) {
    if (daemon.running) await daemon.stop();
  }
  say('relays and aggregators ended with 0 after SIGTERM');
}

async function sendArticle({ zones }: Region): Promise<void> {
  const [first, second] = zones.map(({ relay }) => relay.http);
  const lines = articleLines();
  const odd = lines.filter((_, i) => i % 2 === 0);
  const even = lines.filter((_, i) => i % 2 === 1);
  await sendLines(odd, [first!]);
  await sendLines(even, [second!]);
  say(`sent the five lines of the example: ${odd.length} to the relay of az1, ${even.length} to the relay of az2`);
}

/** The events are of the last full minutes, so their windows are due as soon as they arrive. */
async function sendStream(region: Region, oracle: Oracle): Promise<void> {
  const minuteNs = 60_000_000_000n;
  const thisMinute = (BigInt(Date.now()) * 1_000_000n) / minuteNs;
  const events = madeUpEvents({
    seed: 20161107,
    count: STREAM_SEC * EVENTS_PER_SECOND,
    from: (thisMinute - 3n) * minuteNs,
    spanNs: 2n * minuteNs,
  });
  say(`sending ${STREAM_SEC * EVENTS_PER_SECOND} made-up events of two past minutes in ${STREAM_SEC} seconds`);
  say('  a past minute is flushed 5 s after its first event has arrived, and corrected from then on');

  const relays = region.zones.map(({ relay }) => relay.http);
  const beganMs = performance.now();
  let request = 0;
  let again = 0;
  for (let second = 1; second <= STREAM_SEC; second++) {
    for (let i = 0; i < REQUESTS_PER_SECOND; i++, request++) {
      const form = request % 2 === 0 ? bareLine : protocolLine;
      const lines: string[] = [];
      for (let n = EVENTS_PER_SECOND / REQUESTS_PER_SECOND; n > 0; n--) {
        const { value: event, done } = events.next();
        if (done) break;
        oracle.add(event);
        lines.push(form(event));
      }
      const here = request % relays.length;
      await sendLines(lines, [relays[here]!, relays[1 - here]!]);
      if (request % SENT_AGAIN_EVERY === 0) {
        await sendLines(lines, [relays[1 - here]!]);
        again += lines.length;
      }
      await sleep(Math.max(0, beganMs + ((request + 1) * 1000) / REQUESTS_PER_SECOND - performance.now()));
    }
    if (second === KILL_AFTER_SEC) await killOne(region);
    if (second % 2 === 0) {
      say(`  sent ${oracle.events} events, ${again} of them twice; flushed so far: ${await flushedSoFar(region)}`);
    }
  }
}

async function killOne({ aggregators }: Region): Promise<void> {
  const { id, daemon } = aggregators.at(-1)!;
  await daemon.kill();
  say(`killed ${id} (pid ${daemon.pid}) with -9; the other one takes over what it had in hand`);
}

/** The events that each InfluxDB holds, of the example and the stream, by its own sum. */
async function flushedSoFar({ zones }: Region): Promise<string> {
  const counts = await Promise.all(
    zones.map(async ({ name, influxd }) => {
      const series = await influxd.query(DATABASE, 'SELECT sum(value) FROM cumulative_user_event');
      return `${name} ${series[0]?.values[0]?.[1] ?? 0}`;
    }),
  );
  return counts.join(', ');
}

async function untilExact(region: Region, expected: readonly string[]): Promise<void> {
  say('all sent; waiting until both InfluxDBs hold the exact numbers');
  const deadline = performance.now() + EXACT_WITHIN_MS;
  let saidMs = performance.now();
  for (;;) {
    const held = await Promise.all(region.zones.map(({ influxd }) => influxd.points(DATABASE)));
    if (held.every((points) => sameLines(points, expected))) return;
    if (performance.now() > deadline) {
      const told = region.zones.map(({ name }, i) => differences(name, held[i]!, expected)).join('\n');
      throw new Error(`after ${EXACT_WITHIN_MS / 1000} s the numbers differ:\n${told}`);
    }
    if (performance.now() - saidMs >= 2_000) {
      saidMs = performance.now();
      say(`  flushed so far: ${await flushedSoFar(region)}`);
    }
    await sleep(250);
  }
}

/** Reads everything once more, and prints what it reads. */
async function report({ zones }: Region, oracle: Oracle): Promise<void> {
  const minute = timestampOf(articlePoints()[0]!);
  for (const { name, influxd } of zones) {
    const points = await influxd.points(DATABASE);
    const ofExample = points.filter((point) => timestampOf(point) === minute);
    const ofStream = points.filter((point) => timestampOf(point) !== minute);
    process.stdout.write(`\nThe example as the InfluxDB of ${name} (${influxd.url}) holds it:\n`);
    process.stdout.write(ofExample.map((point) => `  ${point}\n`).join(''));
    const sum = `${ofStream.length} points, which count ${eventsIn(ofStream)} events`;
    if (!sameLines(ofExample, articlePoints()) || !sameLines(ofStream, oracle.points())) {
      throw new Error(`${name} changed after it had been exact; of the made-up events it holds ${sum}`);
    }
    process.stdout.write(`and of the ${oracle.events} made-up events ${sum}: exact.\n`);
  }
  process.stdout.write('\n');
}

function fail(error: unknown): void {
  // What breaks while everything is being taken down breaks because of that.
  if (stopping) return;
  process.stderr.write(`\ndemo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function say(line: string): void {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1).padStart(5);
  process.stdout.write(`${seconds} s  ${line}\n`);
}
