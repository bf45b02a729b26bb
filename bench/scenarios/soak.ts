import { readFileSync } from 'node:fs';
import { type Deployment, startDeployment } from '../deployment.ts';
import { BASE_SETTINGS, CONNECTIONS } from '../load/base-load.ts';
import { highestHttpRate, PACED_LINES_PER_REQUEST, pacedPool } from '../load/highest-http-rate.ts';
import { sendHttp } from '../load/http-load.ts';
import { stampsOfNow } from '../load/stamps.ts';
import { lookAtBooks } from '../measure/books-watch.ts';
import { startCpuMeter } from '../measure/cpu-meter.ts';
import { growthBetween, lastQuarters } from '../measure/quarters.ts';
import { median, quantile, sum } from '../measure/statistics.ts';
import { type Bench, type Scenario, trial } from '../scenario.ts';

/**
 * A long time at a third of the highest rate: whether memory and lag stay where they are. Windows are sealed after a
 * quarter of the time, so that in the second half as much goes as comes; what the last quarter has more than the
 * third is growth.
 */
export const soak: Scenario = {
  name: 'soak',
  what: 'memory and lag over an hour at a third of the highest rate',
  sizes: { runs: 1, minutes: 60, events: 2_000_000 },
  run: async (bench) => {
    const rate = (await highestHttpRate(bench)) / 3;
    const latenessSec = Math.round(Math.min(LATENESS_SEC, bench.sizes.minutes * 15));
    for (let run = 1; run <= bench.sizes.runs; run++) await trial(() => runOnce(bench, rate, latenessSec));
    const settings = {
      ...BASE_SETTINGS,
      'lines per request': PACED_LINES_PER_REQUEST,
      'events per second': Math.round(rate),
      lateness: `${latenessSec} s`,
      partitions: 8,
      aggregators: AGGREGATORS,
    };
    return { settings, measures: bench.measures };
  },
};

/** As it is unless set. */
const LATENESS_SEC = 900;
const AGGREGATORS = 2;
const SAMPLES = 240;
/** The last quarter may have so much more than the third and still be called flat. */
const FLAT = { atMost: 1.1 };

interface Sample {
  relay: number;
  aggregators: number;
  redis: number;
  lagLines: number;
}

async function runOnce(bench: Bench, eventsPerSecond: number, latenessSec: number): Promise<void> {
  const aggregatorSettings = ['--lateness', `${latenessSec}s`];
  const weir = await startDeployment({ influxds: 2, aggregators: AGGREGATORS, aggregatorSettings });
  const stamps = stampsOfNow(() => performance.timeOrigin + performance.now(), 60);
  const samples: Sample[] = [];
  const seconds = bench.sizes.minutes * 60;
  let failure: unknown;
  const timer = setInterval(
    () => {
      take(weir).then(
        (sample) => samples.push(sample),
        (error) => {
          failure = error;
        },
      );
      if (samples.length % (SAMPLES / 12) === 0) bench.say(`${samples.length} of ${SAMPLES} samples`);
    },
    (seconds * 1000) / SAMPLES,
  );
  const meter = startCpuMeter(weir.processes);
  try {
    const load = { targets: weir.relayAddresses, pool: pacedPool(), connections: CONNECTIONS, stamps };
    const { events, seconds: took } = await sendHttp({ ...load, eventsPerSecond, events: eventsPerSecond * seconds });
    clearInterval(timer);
    if (failure !== undefined) throw failure;
    bench.addCpu('a steady event', meter(), events);
    bench.add('rate that was really sent', 'events/s', events / took);
    await weir.untilCounted(events);
  } finally {
    clearInterval(timer);
  }
  addSamples(bench, samples, eventsPerSecond);
}

function addSamples(bench: Bench, samples: readonly Sample[], eventsPerSecond: number): void {
  for (const [name, of] of [
    ['memory of the relay', (sample: Sample) => sample.relay],
    ['memory of the aggregators', (sample: Sample) => sample.aggregators],
    ['memory of Redis', (sample: Sample) => sample.redis],
  ] as const) {
    const values = samples.map(of);
    bench.add(`${name}, last quarter`, 'MiB', median(lastQuarters(values)[1]) / 2 ** 20);
    bench.add(`${name}, last quarter to third`, 'times', growthBetween(values), FLAT);
  }
  const lagMs = samples.map(({ lagLines }) => (lagLines / eventsPerSecond) * 1000);
  bench.add('lag, median', 'ms of traffic', median(lagMs));
  bench.add('lag, p99', 'ms of traffic', quantile(lagMs, 0.99));
  // Lag is a matter of milliseconds, and so is its growth: a few of them more say nothing, a part of the time that passed does.
  const quarterMs = (samples.length / 4) * ((bench.sizes.minutes * 60_000) / SAMPLES);
  const [third, last] = lastQuarters(lagMs);
  bench.add('lag that grew, of the time that passed', '%', ((median(last) - median(third)) / quarterMs) * 100, {
    atMost: 0.1,
  });
}

async function take(weir: Deployment): Promise<Sample> {
  const { received, folded } = await lookAtBooks(weir);
  const resident = (processes: readonly { pid: number }[]) => sum(processes.map(({ pid }) => residentBytes(pid)));
  return {
    relay: resident(weir.relays),
    aggregators: resident(weir.aggregators),
    redis: Number(/^used_memory:(\d+)/m.exec(await weir.client.info('memory'))?.[1]),
    lagLines: sum(received) - sum(folded),
  };
}

function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Number(kilobytes) * 1024;
}
