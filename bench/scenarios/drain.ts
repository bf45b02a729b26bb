import { startDeployment } from '../deployment.ts';
import { BASE_SETTINGS, BASE_SHAPE, CONNECTIONS, earlierMinute } from '../load/base-load.ts';
import { EventPool, weirLine } from '../load/event-pool.ts';
import { expectTotals } from '../load/expected-totals.ts';
import { sendHttp } from '../load/http-load.ts';
import { stampsWithin } from '../load/stamps.ts';
import { startCpuMeter } from '../measure/cpu-meter.ts';
import { type Bench, type Scenario, trial } from '../scenario.ts';

/** How fast one aggregator works off what gathered in Redis while there was none. */
export const drain: Scenario = {
  name: 'drain',
  what: 'events per second at which a fresh aggregator works off a backlog',
  sizes: { runs: 5, events: 10_000_000 },
  run: async (bench) => {
    for (let run = 1; run <= bench.sizes.runs; run++) {
      bench.say(`run ${run} of ${bench.sizes.runs}`);
      await trial(() => runOnce(bench));
    }
    const settings = { ...BASE_SETTINGS, partitions: 8, aggregators: 1, 'lines per request': LINES_PER_REQUEST };
    return { settings, measures: bench.measures };
  },
};

const LINES_PER_REQUEST = 5_000;

async function runOnce(bench: Bench): Promise<void> {
  const weir = await startDeployment({ aggregators: 0 });
  const pool = new EventPool({
    shape: BASE_SHAPE,
    form: weirLine,
    linesPerBody: LINES_PER_REQUEST,
    connections: CONNECTIONS,
  });
  const load = { targets: weir.relayAddresses, pool, connections: CONNECTIONS, events: bench.sizes.events };
  const { events, expected } = await sendHttp({ ...load, stamps: stampsWithin([earlierMinute(1)]) });
  const startedMs = performance.now();
  await weir.startAggregator('aggregator-1');
  const meter = startCpuMeter(weir.processes);
  await weir.untilCounted(events);
  const spent = meter();
  const sinceStart = (performance.now() - startedMs) / 1000;
  bench.add('from ready to all counted', 'events/s', events / spent.seconds, { atLeast: 1_000_000 });
  bench.add('from the start of the process', 'events/s', events / sinceStart);
  bench.addCpu('a waiting event', spent, events);
  await weir.untilTotals((held) => expectTotals('Weir', held, expected.totals()));
}
