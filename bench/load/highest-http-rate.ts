import { startDeployment } from '../deployment.ts';
import { type Bench, trial } from '../scenario.ts';
import { BASE_SHAPE, CONNECTIONS, earlierMinute, WARM_UP } from './base-load.ts';
import { EventPool, weirLine } from './event-pool.ts';
import { sendHttp } from './http-load.ts';
import { stampsWithin } from './stamps.ts';

export const PACED_LINES_PER_REQUEST = 500;

export function pacedPool(): EventPool {
  const size = { linesPerBody: PACED_LINES_PER_REQUEST, connections: CONNECTIONS };
  return new EventPool({ shape: BASE_SHAPE, form: weirLine, ...size });
}

/** Events per second that this machine counts where nothing holds the clients back: what steady loads are a part of. */
export async function highestHttpRate(bench: Bench): Promise<number> {
  const { events } = bench.sizes;
  return trial(async () => {
    const weir = await startDeployment();
    const pool = pacedPool();
    const send = (count: number, minutes: number) =>
      sendHttp({
        targets: weir.relayAddresses,
        pool,
        connections: CONNECTIONS,
        events: count,
        stamps: stampsWithin([earlierMinute(minutes)]),
      });
    const warm = await send(events * WARM_UP, 2);
    await weir.untilCounted(warm.events);
    const startedMs = performance.now();
    const report = await send(events, 1);
    await weir.untilCounted(warm.events + report.events);
    const rate = report.events / ((performance.now() - startedMs) / 1000);
    bench.say(`the highest rate is ${Math.round(rate).toLocaleString('en')} events/s`);
    return rate;
  });
}
