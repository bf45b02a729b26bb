import { type DeploymentOptions, startDeployment } from '../deployment.ts';
import { BASE_SETTINGS, BASE_SHAPE, CONNECTIONS, earlierMinute, WARM_UP } from '../load/base-load.ts';
import { EventPool, type EventShape, weirLine } from '../load/event-pool.ts';
import { sendHttp } from '../load/http-load.ts';
import { stampsWithin } from '../load/stamps.ts';
import { type CpuSpent, startCpuMeter } from '../measure/cpu-meter.ts';
import { sum } from '../measure/statistics.ts';
import { type Scenario, type Target, trial } from '../scenario.ts';

/** What an event costs where one thing is much larger than usual, the rest being as it is. */
export const growth: Scenario = {
  name: 'growth',
  what: 'CPU per event as groups, users, partitions, aggregators, duplicates and open windows grow',
  sizes: { runs: 5, events: 4_000_000 },
  run: async (bench) => {
    const { runs, events } = bench.sizes;
    for (let run = 1; run <= runs; run++) {
      let base = Number.NaN;
      for (const step of STEPS) {
        bench.say(`run ${run} of ${runs}, ${step.name}`);
        const { lines, spent } = await trial(() => runStep(step, events));
        const perLine = (sum([...spent.cpu.values()]) / lines) * 1e6;
        bench.noteOthers(spent);
        bench.add(step.name, 'µs/line', perLine);
        if (step === STEPS[0]) base = perLine;
        else bench.add(`${step.name}, to the base`, 'times', perLine / base, step.target);
      }
    }
    const settings = { ...BASE_SETTINGS, ...BASE, 'lines per request': LINES_PER_REQUEST };
    return { settings, measures: bench.measures, notes: ['CPU is that of relay, Redis and aggregators together'] };
  },
};

interface Step {
  name: string;
  shape?: Partial<EventShape>;
  deployment?: DeploymentOptions;
  /** How often each line is sent. */
  copies?: number;
  windows?: number;
  target?: Target;
}

const BASE = { partitions: 8, aggregators: 1, duplicates: 'none', 'open windows': 1 };
const LINES_PER_REQUEST = 5_000;
const MANY_GROUPS = 20_000;
const MANY_USERS = 1_000_000;

const STEPS: readonly Step[] = [
  { name: 'base' },
  { name: '20,000 groups', shape: { groups: MANY_GROUPS } },
  { name: '1,000,000 users', shape: { users: MANY_USERS, pairs: MANY_USERS } },
  {
    name: '20,000 groups and 1,000,000 users',
    shape: { groups: MANY_GROUPS, users: MANY_USERS, pairs: MANY_USERS },
    target: { atMost: 1.5 },
  },
  { name: '1 partition', deployment: { partitions: 1 } },
  { name: '16 partitions', deployment: { partitions: 16 } },
  { name: '4 aggregators', deployment: { aggregators: 4 } },
  { name: '50 % duplicates', copies: 2 },
  { name: '15 open windows', windows: 15 },
];

async function runStep(step: Step, events: number): Promise<{ lines: number; spent: CpuSpent }> {
  const { deployment = {}, copies = 1, windows = 1 } = step;
  const weir = await startDeployment(deployment);
  const shape = { ...BASE_SHAPE, ...step.shape };
  const pool = new EventPool({ shape, form: weirLine, linesPerBody: LINES_PER_REQUEST, connections: CONNECTIONS });
  const send = (count: number, minutes: readonly number[]) =>
    sendHttp({
      targets: weir.relayAddresses,
      pool,
      connections: CONNECTIONS,
      stamps: stampsWithin(minutes.map(earlierMinute)),
      events: Math.ceil(count / copies),
      copies,
    });
  const duplicates = (report: { lines: number; events: number }) => report.lines - report.events;
  const warm = await send(events * WARM_UP, [windows + 1]);
  await weir.untilCounted(warm.events, duplicates(warm));
  const meter = startCpuMeter(weir.processes);
  const report = await send(
    events,
    Array.from({ length: windows }, (_, i) => i + 1),
  );
  await weir.untilCounted(warm.events + report.events, duplicates(warm) + duplicates(report));
  return { lines: report.lines, spent: meter() };
}
