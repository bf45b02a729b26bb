import { setTimeout as sleep } from 'node:timers/promises';
import { type Deployment, startDeployment } from '../deployment.ts';
import { CONNECTIONS } from '../load/base-load.ts';
import { EventPool, weirLine } from '../load/event-pool.ts';
import { type ExpectedTotals, expectTotals } from '../load/expected-totals.ts';
import { sendHttp } from '../load/http-load.ts';
import { stampsWithin } from '../load/stamps.ts';
import { startCpuMeter } from '../measure/cpu-meter.ts';
import { type Bench, type Scenario, trial } from '../scenario.ts';

/**
 * From the moment a window with very many groups is due (its end and grace) until two InfluxDBs have confirmed all of its
 * points: first with series that no database knows, then the next window, with the same ones.
 */
export const flush: Scenario = {
  name: 'flush',
  what: 'how long a window with 100,000 groups takes into two InfluxDBs once it is due',
  sizes: { runs: 5, events: 200_000 },
  run: async (bench) => {
    for (let run = 1; run <= bench.sizes.runs; run++) {
      bench.say(`run ${run} of ${bench.sizes.runs}`);
      await trial(() => runOnce(bench));
    }
    return {
      settings: { groups: groupsOf(bench), window: `${WINDOW_SEC} s`, grace: `${GRACE_SEC} s`, partitions: 8 },
      measures: bench.measures,
    };
  },
};

const WINDOW_SEC = 20;
const GRACE_SEC = 2;
/** Each look costs the aggregator some milliseconds. */
const LOOK_EVERY_MS = 100;
const CONFIRMED_WITHIN_MS = 120_000;
const SINKS = ['az1', 'az2'];

/** Two events each. */
function groupsOf(bench: Bench): number {
  return Math.ceil(bench.sizes.events / 2);
}

async function runOnce(bench: Bench): Promise<void> {
  const timing = ['--window', `${WINDOW_SEC}s`, '--grace', `${GRACE_SEC}s`];
  const weir = await startDeployment({ influxds: SINKS.length, aggregatorSettings: timing });
  const groups = groupsOf(bench);
  const shape = { groups, users: groups, pairs: groups };
  const pool = new EventPool({ shape, form: weirLine, linesPerBody: 5_000, connections: CONNECTIONS });
  let all: ExpectedTotals | undefined;
  for (const [before, name] of ['new series', 'known series'].entries()) {
    const windowSec = (Math.floor(Date.now() / 1000 / WINDOW_SEC) + 1) * WINDOW_SEC;
    await sleep(windowSec * 1000 - Date.now());
    const load = { targets: weir.relayAddresses, pool, connections: CONNECTIONS, events: bench.sizes.events };
    const { expected } = await sendHttp({ ...load, stamps: stampsWithin([windowSec]) });
    const dueMs = (windowSec + WINDOW_SEC + GRACE_SEC) * 1000;
    if (Date.now() > dueMs) throw new Error(`${bench.sizes.events} events took longer than their window`);
    await sleep(dueMs - Date.now());
    const meter = startCpuMeter(weir.processes);
    await untilConfirmed(weir, before + 1);
    bench.noteOthers(meter());
    bench.add(`due to confirmed by both, ${name}`, 's', (Date.now() - dueMs) / 1000, { atMost: 3 });
    if (all) all.merge(expected);
    else all = expected;
  }
  for (const influxd of weir.influxds) expectTotals(influxd.name, await weir.totalsIn(influxd), all!.totals());
}

async function untilConfirmed(weir: Deployment, windows: number): Promise<void> {
  const deadline = performance.now() + CONFIRMED_WITHIN_MS;
  for (;;) {
    const confirmed = await Promise.all(
      SINKS.map((sink) => weir.aggregators[0]!.metric(`weir_aggregator_sink_windows_confirmed_total{sink="${sink}"}`)),
    );
    if (confirmed.every((count) => (count ?? 0) >= windows)) return;
    if (performance.now() > deadline)
      throw new Error(`not confirmed by both ${CONFIRMED_WITHIN_MS} ms after it was due`);
    await sleep(LOOK_EVERY_MS);
  }
}
