import { send } from '../../test/support/client.ts';
import { startDeployment } from '../deployment.ts';
import { BASE_SETTINGS, BASE_SHAPE, CONNECTIONS, earlierMinute } from '../load/base-load.ts';
import { EventPool, weirLine } from '../load/event-pool.ts';
import { sendHttp } from '../load/http-load.ts';
import { stampsWithin } from '../load/stamps.ts';
import { startCpuMeter } from '../measure/cpu-meter.ts';
import { type Bench, type Scenario, trial } from '../scenario.ts';

/**
 * How soon a fresh aggregator goes on with large windows that another one built: events are counted, their aggregator stops, a
 * few more events wait for the next, which has to read the windows' logs again before it can fold them. The clock runs
 * until these are counted.
 */
export const restart: Scenario = {
  name: 'restart',
  what: 'how soon a fresh aggregator counts on with millions of events in open windows',
  sizes: { runs: 5, events: 5_000_000 },
  run: async (bench) => {
    for (let run = 1; run <= bench.sizes.runs; run++) {
      bench.say(`run ${run} of ${bench.sizes.runs}`);
      await trial(() => runOnce(bench));
    }
    const settings = { ...BASE_SETTINGS, partitions: 8, 'open windows': WINDOWS };
    return { settings, measures: bench.measures };
  },
};

const WINDOWS = 1;
/** So many users reach every partition. */
const LATER_USERS = 200;

async function runOnce(bench: Bench): Promise<void> {
  const weir = await startDeployment();
  const minuteSec = earlierMinute(1);
  const pool = new EventPool({ shape: BASE_SHAPE, form: weirLine, linesPerBody: 5_000, connections: CONNECTIONS });
  const load = { targets: weir.relayAddresses, pool, connections: CONNECTIONS, events: bench.sizes.events };
  const { events } = await sendHttp({ ...load, stamps: stampsWithin([minuteSec]) });
  await weir.untilCounted(events);
  await weir.aggregators[0]!.stop();
  const later = Array.from(
    { length: LATER_USERS },
    (_, user) => `event_type=later,product=p value=late${user} ${minuteSec + 50}${'0'.repeat(9)}`,
  );
  await send(weir.relays[0]!, later);
  const startedMs = performance.now();
  await weir.startAggregator('aggregator-2');
  const meter = startCpuMeter(weir.processes);
  await weir.untilCounted(events + LATER_USERS);
  const spent = meter();
  bench.noteOthers(spent);
  bench.add('from the start of the process to counting on', 's', (performance.now() - startedMs) / 1000, { atMost: 3 });
  bench.add('from ready to counting on', 's', spent.seconds);
}
