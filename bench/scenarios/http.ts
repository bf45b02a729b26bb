import { setTimeout as sleep } from 'node:timers/promises';
import { startDeployment } from '../deployment.ts';
import { BASE_SETTINGS, BASE_SHAPE, CONNECTIONS, earlierMinute, WARM_UP } from '../load/base-load.ts';
import { EventPool, type LineForm, weirLine } from '../load/event-pool.ts';
import { expectTotals } from '../load/expected-totals.ts';
import { type LoadReport, sendHttp } from '../load/http-load.ts';
import { stampsWithin } from '../load/stamps.ts';
import { sendTcp } from '../load/tcp-load.ts';
import { type CpuSpent, startCpuMeter } from '../measure/cpu-meter.ts';
import { STATSD_VERSION, startStatsd, statsdLine } from '../peers/statsd.ts';
import { findVmagent, startVmagent, vmagentLine } from '../peers/vmagent.ts';
import { type Bench, type Scenario, trial } from '../scenario.ts';

/**
 * Events per second over HTTP until every one of them is counted, Weir and vmagent in turn. Both get the same users and
 * groups over as many connections in as large requests; both are warm. Beside them statsd over TCP, which has no HTTP.
 */
export const http: Scenario = {
  name: 'http',
  what: 'events per second and CPU per event over HTTP: relay, Redis and aggregator beside vmagent',
  sizes: { runs: 5, events: 4_000_000 },
  run: async (bench) => {
    const { runs, events } = bench.sizes;
    const { version } = await findVmagent();
    for (let run = 1; run <= runs; run++) {
      for (const linesPerRequest of LINES_PER_REQUEST) {
        bench.say(`run ${run} of ${runs}, ${linesPerRequest} lines per request`);
        const weir = await trial(() => runWeir(events, linesPerRequest));
        const vmagent = await trial(() => runVmagent(events, linesPerRequest));
        addRun(bench, linesPerRequest, weir, vmagent);
      }
      const statsd = await trial(() => runStatsd(Math.min(events, STATSD_EVENTS)));
      bench.add('statsd over TCP, 500 events per write', 'events/s', statsd.events / statsd.spent.seconds);
      bench.addCpu('statsd over TCP, 500 events per write', statsd.spent, statsd.events);
    }
    return {
      settings: { ...BASE_SETTINGS, partitions: 8 },
      versions: { vmagent: version, statsd: STATSD_VERSION },
      measures: bench.measures,
    };
  },
};

const LINES_PER_REQUEST = [500, 5_000];
/** statsd is slower, and must be done within its minute. */
const STATSD_EVENTS = 1_000_000;
const STATSD_WITHIN_MS = 60_000;

interface Run {
  events: number;
  spent: CpuSpent;
}

function addRun(bench: Bench, linesPerRequest: number, weir: Run, vmagent: Run): void {
  const size = `${linesPerRequest.toLocaleString('en')} lines per request`;
  const rate = ({ events, spent }: Run) => events / spent.seconds;
  bench.add(`${size}: Weir to vmagent, events/s`, 'times', rate(weir) / rate(vmagent), { atLeast: 1.5 });
  bench.add(`Weir, ${size}`, 'events/s', rate(weir));
  const weirCpu = bench.addCpu(`Weir, ${size}`, weir.spent, weir.events);
  bench.add(`vmagent, ${size}`, 'events/s', rate(vmagent));
  const vmagentCpu = bench.addCpu(`vmagent, ${size}`, vmagent.spent, vmagent.events);
  bench.add(`${size}: Weir to vmagent, CPU per event`, 'times', weirCpu / vmagentCpu, { atMost: 1 });
}

async function runWeir(events: number, linesPerRequest: number): Promise<Run> {
  const weir = await startDeployment();
  const send = loadOf(weir.relayAddresses, weirLine, linesPerRequest);
  const warm = await send(events * WARM_UP, earlierMinute(2));
  await weir.untilCounted(warm.events);
  const meter = startCpuMeter(weir.processes);
  const report = await send(events, earlierMinute(1));
  await weir.untilCounted(warm.events + report.events);
  const spent = meter();
  const expected = new Map([...warm.expected.totals(), ...report.expected.totals()]);
  await weir.untilTotals((held) => expectTotals('Weir', held, expected));
  return { events: report.events, spent };
}

/** What a request was answered for is counted: vmagent aggregates before it answers. */
async function runVmagent(events: number, linesPerRequest: number): Promise<Run> {
  const vmagent = await startVmagent();
  const send = loadOf([vmagent.address], vmagentLine, linesPerRequest);
  const window = earlierMinute(1);
  const warm = await send(events * WARM_UP, window);
  const meter = startCpuMeter({ vmagent: [vmagent] });
  const report = await send(events, window);
  const spent = meter();
  warm.expected.merge(report.expected);
  expectTotals('vmagent', await vmagent.finish(window), warm.expected.totals());
  return { events: report.events, spent };
}

async function runStatsd(events: number): Promise<Run> {
  const statsd = await startStatsd({ transport: 'tcp' });
  const pool = new EventPool({ shape: BASE_SHAPE, form: statsdLine, linesPerBody: 500, connections: CONNECTIONS });
  const window = earlierMinute(1);
  const meter = startCpuMeter({ statsd: [statsd] });
  const load = { port: statsd.port, pool, connections: CONNECTIONS, windowSec: window };
  const expected = await sendTcp({ ...load, events });
  const deadline = performance.now() + STATSD_WITHIN_MS;
  while ((await statsd.linesReceived()) < expected.events * 2) {
    if (performance.now() > deadline)
      throw new Error(`statsd has not read ${expected.events} events within its minute`);
    await sleep(10);
  }
  const spent = meter();
  expectTotals('statsd', await statsd.finish(window), expected.totals());
  return { events: expected.events, spent };
}

function loadOf(targets: readonly string[], form: LineForm, linesPerBody: number) {
  const pool = new EventPool({ shape: BASE_SHAPE, form, linesPerBody, connections: CONNECTIONS });
  return (events: number, windowSec: number): Promise<LoadReport> =>
    sendHttp({ targets, pool, connections: CONNECTIONS, events, stamps: stampsWithin([windowSec]) });
}
