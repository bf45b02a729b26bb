import { setTimeout as sleep } from 'node:timers/promises';
import type { Influxd } from '../../test/support/influxd.ts';
import { DATABASE, type Deployment, startDeployment } from '../deployment.ts';
import { BASE_SETTINGS, BASE_SHAPE, CONNECTIONS } from '../load/base-load.ts';
import { type ExpectedTotals, expectTotals } from '../load/expected-totals.ts';
import { highestHttpRate, PACED_LINES_PER_REQUEST, pacedPool } from '../load/highest-http-rate.ts';
import { sendHttp } from '../load/http-load.ts';
import { stampsOfNow } from '../load/stamps.ts';
import { watchBooks } from '../measure/books-watch.ts';
import { startCpuMeter } from '../measure/cpu-meter.ts';
import { foldDelays } from '../measure/fold-delay.ts';
import { median, quantile, weightedQuantile } from '../measure/statistics.ts';
import { type Bench, type Scenario, trial } from '../scenario.ts';

/**
 * At half of the highest rate: how long a request waits for its answer, how long its events take from there to the books, and how
 * long after a window is due (its end and grace) all of its points can be read in both InfluxDBs.
 */
export const latency: Scenario = {
  name: 'latency',
  what: 'from accepted to folded, and from due to readable in both InfluxDBs, at half of the highest rate',
  sizes: { runs: 5, seconds: 45, events: 2_000_000 },
  run: async (bench) => {
    const rate = (await highestHttpRate(bench)) / 2;
    for (let run = 1; run <= bench.sizes.runs; run++) {
      bench.say(`run ${run} of ${bench.sizes.runs}`);
      await trial(() => runOnce(bench, rate));
    }
    const settings = {
      ...BASE_SETTINGS,
      'lines per request': PACED_LINES_PER_REQUEST,
      'events per second': Math.round(rate),
      window: `${WINDOW_SEC} s`,
      grace: `${GRACE_SEC} s`,
      partitions: 8,
    };
    return { settings, measures: bench.measures };
  },
};

/** Shorter than a minute, so that a run sees some of them end. Grace is the default. */
const WINDOW_SEC = 10;
const GRACE_SEC = 5;
const LOOK_EVERY_MS = 2;
const READABLE_WITHIN_MS = 60_000;

async function runOnce(bench: Bench, eventsPerSecond: number): Promise<void> {
  const weir = await startDeployment({ influxds: 2, aggregatorSettings: ['--window', `${WINDOW_SEC}s`] });
  const pool = pacedPool();
  const stamps = stampsOfNow(() => performance.timeOrigin + performance.now(), WINDOW_SEC);
  const paced = { targets: weir.relayAddresses, pool, connections: CONNECTIONS, eventsPerSecond, stamps };
  const warm = await sendHttp({ ...paced, events: eventsPerSecond * Math.min(5, bench.sizes.seconds) });
  const beginSec = Date.now() / 1000;
  const endSec = beginSec + bench.sizes.seconds;
  const readable = Promise.all(
    windowsEndingWithin(beginSec, endSec).map((windowSec) => untilReadable(weir, windowSec)),
  );
  // What it rejects with is thrown where it is awaited; a failure before that must not leave it to nobody.
  readable.catch(() => undefined);
  const stopWatch = watchBooks(weir, LOOK_EVERY_MS);
  const meter = startCpuMeter(weir.processes);
  const report = await sendHttp({ ...paced, events: eventsPerSecond * bench.sizes.seconds });
  bench.noteOthers(meter());
  await weir.untilCounted(warm.events + report.events);
  const delays = foldDelays(await stopWatch());
  bench.add('accepted to folded, p50', 'ms', weightedQuantile(delays, 0.5));
  bench.add('accepted to folded, p99', 'ms', weightedQuantile(delays, 0.99), { atMost: 100 });
  bench.add('request to answer, p50', 'ms', quantile(report.answerMs, 0.5));
  bench.add('request to answer, p99', 'ms', quantile(report.answerMs, 0.99));
  bench.add('rate that was really sent', 'events/s', report.events / report.seconds);
  const due = await readable;
  if (due.length > 0) {
    bench.add('due to readable in both, median', 's', median(due));
    bench.add('due to readable in both, longest', 's', Math.max(...due), { atMost: 1.5 });
  }
  warm.expected.merge(report.expected);
  await untilExact(weir, warm.expected);
}

/** Those whose load is all from within, by start. */
function windowsEndingWithin(beginSec: number, endSec: number): number[] {
  const windows: number[] = [];
  const first = Math.ceil(beginSec / WINDOW_SEC) * WINDOW_SEC;
  for (let startSec = first; startSec + WINDOW_SEC < endSec; startSec += WINDOW_SEC) windows.push(startSec);
  return windows;
}

/** Seconds from when the window was due until the last database had a point of each group and kind. */
async function untilReadable(weir: Deployment, windowSec: number): Promise<number> {
  const dueMs = (windowSec + WINDOW_SEC + GRACE_SEC) * 1000;
  await sleep(dueMs - Date.now());
  const waits = weir.influxds.map(async (influxd) => {
    while ((await pointsOf(influxd, windowSec)) < BASE_SHAPE.groups * 2) {
      if (Date.now() > dueMs + READABLE_WITHIN_MS) throw new Error(`${influxd.name} has no window ${windowSec}`);
      await sleep(20);
    }
    return (Date.now() - dueMs) / 1000;
  });
  return Math.max(...(await Promise.all(waits)));
}

async function pointsOf(influxd: Influxd, windowSec: number): Promise<number> {
  const from = 'FROM cumulative_user_event, unique_user_event';
  const series = await influxd.query(DATABASE, `SELECT count(value) ${from} WHERE time = ${windowSec}s`);
  return series.reduce((sum, { values }) => sum + Number(values[0]?.[1] ?? 0), 0);
}

/** What was late for a window's first write is corrected within seconds. */
async function untilExact(weir: Deployment, expected: ExpectedTotals): Promise<void> {
  const totals = expected.totals();
  for (const influxd of weir.influxds) {
    const deadline = Date.now() + READABLE_WITHIN_MS;
    for (;;) {
      try {
        expectTotals(influxd.name, await weir.totalsIn(influxd), totals);
        break;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
      await sleep(500);
    }
  }
}
