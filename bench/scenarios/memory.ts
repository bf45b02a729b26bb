import { type Deployment, startDeployment } from '../deployment.ts';
import { CONNECTIONS, earlierMinute } from '../load/base-load.ts';
import { EventPool, type EventShape, weirLine } from '../load/event-pool.ts';
import { sendHttp } from '../load/http-load.ts';
import { stampsWithin } from '../load/stamps.ts';
import { type Bench, type Scenario, trial } from '../scenario.ts';

/**
 * What an event costs in Redis's memory until its window is sealed, what a user new to a group costs, and what an event
 * costs that waits to be folded. Two windows with as many events tell the first two apart: in one every event is of a new pair.
 */
export const memory: Scenario = {
  name: 'memory',
  what: 'memory of Redis and of the aggregator per event, and per different user and group',
  sizes: { runs: 5, events: 5_000_000 },
  run: async (bench) => {
    for (let run = 1; run <= bench.sizes.runs; run++) {
      bench.say(`run ${run} of ${bench.sizes.runs}`);
      await runOnce(bench);
    }
    return {
      settings: { groups: FEW_PAIRS.groups, partitions: 8, 'lines per request': LINES_PER_REQUEST },
      measures: bench.measures,
      notes: [
        'Stored is what the window logs hold; allocated is what Redis takes for them, which grows in steps, so it is up to a megabyte a log more',
      ],
    };
  },
};

const LINES_PER_REQUEST = 5_000;
const FEW_PAIRS: EventShape = { groups: 20, users: 1_000, pairs: 20_000 };

async function runOnce(bench: Bench): Promise<void> {
  const { events } = bench.sizes;
  const manyPairs = { groups: FEW_PAIRS.groups, users: Math.ceil(events / 4), pairs: events };
  const few = await trial(() => foldAndLook(FEW_PAIRS, events));
  const many = await trial(() => foldAndLook(manyPairs, events));
  for (const [kind, targets] of [
    ['allocated', { atMost: 12 }],
    ['stored', undefined],
  ] as const) {
    const perPair = (many[kind] - few[kind]) / (manyPairs.pairs - FEW_PAIRS.pairs);
    const perEvent = (few[kind] - FEW_PAIRS.pairs * perPair) / few.events;
    bench.add(`window state per event, ${kind}`, 'bytes', perEvent, targets);
    bench.add(`window state per different user and group, ${kind}`, 'bytes', perPair, targets);
  }
  bench.add('window state in the aggregator, per event', 'bytes', few.aggregatorBytes / few.events);
  bench.add('an event that waits to be folded, in Redis', 'bytes', await trial(() => waitingBytes(events)));
}

interface Look {
  events: number;
  allocated: number;
  stored: number;
  aggregatorBytes: number;
}

async function foldAndLook(shape: EventShape, events: number): Promise<Look> {
  const weir = await startDeployment();
  const sent = await sendAll(weir, shape, events);
  await weir.untilCounted(sent);
  const aggregatorBytes = await weir.aggregators[0]!.metric('weir_aggregator_window_memory_bytes');
  let allocated = 0;
  let stored = 0;
  for (const key of await logKeys(weir)) {
    allocated += Number(await weir.client.memory('USAGE', key, 'SAMPLES', 0));
    stored += await weir.client.strlen(key);
  }
  return { events: sent, allocated, stored, aggregatorBytes: aggregatorBytes ?? Number.NaN };
}

async function waitingBytes(events: number): Promise<number> {
  const weir = await startDeployment({ aggregators: 0 });
  const before = await usedMemory(weir);
  const sent = await sendAll(weir, FEW_PAIRS, events);
  return ((await usedMemory(weir)) - before) / sent;
}

async function sendAll(weir: Deployment, shape: EventShape, events: number): Promise<number> {
  const pool = new EventPool({ shape, form: weirLine, linesPerBody: LINES_PER_REQUEST, connections: CONNECTIONS });
  const load = { targets: weir.relayAddresses, pool, connections: CONNECTIONS, events };
  return (await sendHttp({ ...load, stamps: stampsWithin([earlierMinute(1)]) })).events;
}

/** The chunks of all windows' logs. */
async function logKeys({ client }: Deployment): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of client.scanStream({ match: 'weir:{*}:log:*', count: 1000 }))
    keys.push(...(page as string[]));
  return keys;
}

async function usedMemory({ client }: Deployment): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]);
}
