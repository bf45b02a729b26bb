import { setTimeout as sleep } from 'node:timers/promises';
import { PASS, type SinkBehaviour } from '../../../support/sink-behaviour.ts';
import { nameAndValue, windowOf } from '../books-of-truth.ts';
import { SETTINGS } from '../fault-region.ts';
import type { SinkGate } from '../proxies/sink-gate.ts';
import { type Fault, type FaultContext, lasting } from './fault.ts';

/** One InfluxDB misbehaves in the ways databases do; the other must be on time throughout. */
function trouble(
  name: string,
  what: string,
  { writes = PASS, reads = PASS }: { writes?: SinkBehaviour; reads?: SinkBehaviour },
  [fromMs, toMs]: [number, number] = [5_000, 9_000],
): Fault {
  return {
    name,
    what,
    run: async (context) => {
      const { gate, note } = draw(context);
      gate.behave('write', writes);
      gate.behave('query', reads);
      const before = gate.troubled;
      const time = await lasting(context.random, fromMs, toMs);
      return `${note} for ${time}, ${gate.troubled - before} requests met it`;
    },
  };
}

const both = (trouble: SinkBehaviour) => ({ writes: trouble, reads: trouble });

function draw({ region, random }: FaultContext): { gate: SinkGate; i: number; note: string } {
  const i = random.integer(0, region.sinks.length - 1);
  return { gate: region.sinks[i]!, i, note: `az${i + 1}` };
}

function refused(name: string, what: string, [fromMs, toMs]: [number, number], alone: boolean): Fault {
  return {
    name,
    what,
    alone,
    run: async (context) => {
      const { gate, i, note } = draw(context);
      await gate.refuse();
      const time = await lasting(context.random, fromMs, toMs);
      const other = alone ? `, the other was at most ${await behindSec(context, 1 - i)} s behind` : '';
      return `${note} for ${time}${other}`;
    },
  };
}

const HANG_MS = 30_000;

const hang: Fault = {
  name: 'sink-hang',
  what: 'a sink takes requests and answers nothing for 30 s',
  alone: true,
  run: async (context) => {
    const { gate, i, note } = draw(context);
    gate.behave('all', { kind: 'hang' });
    await sleep(HANG_MS);
    return `${note} for ${HANG_MS / 1000} s, the other was at most ${await behindSec(context, 1 - i)} s behind`;
  },
};

/**
 * Writes are held until their writers have given them up, events of the same windows have come since, and the totals
 * were written again, larger; then they arrive.
 */
const late: Fault = {
  name: 'sink-late-write',
  what: 'writes that were given up arrive when larger totals have been written and confirmed',
  // With --short the last look at a window comes before they do, and no later one is promised.
  settings: SETTINGS,
  run: async (context) => {
    const { region, clients, random } = context;
    const gates = region.sinks;
    for (const gate of gates) gate.behave('write', { kind: 'forward-late' });
    await lasting(random, 6_000, 7_000);
    for (const gate of gates) gate.behave('write', PASS);
    clients.backdateMs = 7_000;
    await lasting(random, 5_000, 6_000);
    clients.backdateMs = 0;
    // Until the writers have given up (10 s), and written again.
    await lasting(random, 9_000, 11_000);
    const counts = [];
    for (const gate of gates) counts.push(await gate.releaseLate());
    if (counts.every((count) => count === 0)) throw new Error('no write was held');
    return `${counts.join(' and ')} writes arrived late`;
  },
};

const badPoint: Fault = trouble(
  'sink-bad-point',
  'a sink refuses the points of one event type with 400 (partial write), and takes the others of the same request',
  { writes: { kind: 'refuse-lines', refuses: (line) => line.includes('event_type=os_error,') } },
);

/** How far the newest window of a database lies back. Written half a second after its end, and it is 5 s long. */
async function behindSec({ region }: FaultContext, i: number): Promise<number> {
  const points = await region.influxds[i]!.points(region.database);
  const newest = Math.max(...points.map((point) => windowOf(nameAndValue(point)[0])));
  const behind = Math.round(Date.now() / 1000 - newest);
  const bound = 2 * region.settings.windowSec + ON_TIME_SEC;
  if (behind > bound) throw new Error(`the newest window of az${i + 1}, which was well, is ${behind} s old`);
  return behind;
}

const ON_TIME_SEC = 10;

export const SINK_FAULTS: readonly Fault[] = [
  refused('sink-refused', 'a sink refuses connections', [4_000, 9_000], false),
  refused('sink-away', 'a sink is away for so long that windows are sealed meanwhile', [40_000, 45_000], true),
  trouble('sink-503', 'a sink answers 503', both({ kind: 'answer', status: 503 })),
  trouble('sink-401', 'a sink answers 401', both({ kind: 'answer', status: 401 })),
  trouble('sink-read-503', 'a sink takes writes and cannot be read', {
    reads: { kind: 'answer', status: 503 },
  }),
  hang,
  trouble('sink-drip', 'answers of a sink come byte by byte', both({ kind: 'drip', everyMs: 100 })),
  trouble('sink-reset-after', 'a sink applies writes and resets the connection instead of an answer', {
    writes: { kind: 'reset-after' },
  }),
  badPoint,
  late,
];
