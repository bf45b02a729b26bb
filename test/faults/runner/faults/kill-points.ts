import { eventually } from '../../../support/eventually.ts';
import type { Sighting } from '../proxies/redis-proxy.ts';
import type { WriteSighting } from '../proxies/sink-gate.ts';
import { type Fault, type FaultContext, lasting } from './fault.ts';

/**
 * Processes that die at a named point of the protocol. A proxy sees the request or the reply that marks the point, kills
 * the process within the same tick and swallows what it saw: a request that is swallowed was never carried out, a reply
 * that is swallowed means that Redis has done it and the process never knew.
 */
interface Point {
  name: string;
  what: string;
  of: 'relay' | 'aggregator';
  phase: Sighting['phase'];
  /** A script, or a command. */
  at: string;
  /** The how manieth of one process, at most: some are worth being met half way through a series. */
  upTo?: number;
}

const POINTS: readonly Point[] = [
  {
    name: 'relay-kill-after-journal',
    what: 'when it has a batch and has not appended it',
    of: 'relay',
    phase: 'request',
    at: 'append',
  },
  {
    name: 'relay-kill-after-xadd',
    what: 'when its batch is appended and it does not know',
    of: 'relay',
    phase: 'reply',
    at: 'append',
  },
  {
    name: 'aggregator-kill-after-read',
    what: 'when entries were handed to it and it has not seen them',
    of: 'aggregator',
    phase: 'reply',
    at: 'xreadgroup',
  },
  {
    name: 'aggregator-kill-after-other-read',
    what: 'when other lines were handed to it and it has not seen them',
    of: 'aggregator',
    phase: 'reply',
    at: 'xreadgroup-others',
  },
  {
    name: 'aggregator-kill-before-other-ack',
    what: 'when a sink has other lines and their batch is not acked',
    of: 'aggregator',
    phase: 'request',
    at: 'xack',
  },
  {
    name: 'aggregator-kill-before-fold',
    what: 'when it has read entries and not folded them',
    of: 'aggregator',
    phase: 'request',
    at: 'fold',
  },
  {
    name: 'aggregator-kill-after-fold',
    what: 'when its fold is done and it does not know',
    of: 'aggregator',
    phase: 'reply',
    at: 'fold',
  },
  {
    name: 'aggregator-kill-after-publish',
    what: 'when totals are published and it does not know',
    of: 'aggregator',
    phase: 'reply',
    at: 'publish',
  },
  {
    name: 'aggregator-kill-before-write',
    what: 'when its intent to write a window stands and nothing is written',
    of: 'aggregator',
    phase: 'reply',
    at: 'begin-write',
  },
  {
    name: 'aggregator-kill-after-write',
    what: 'when a sink has answered and it has not said so',
    of: 'aggregator',
    phase: 'request',
    at: 'end-write',
  },
  {
    name: 'aggregator-kill-after-confirm',
    what: 'when a write is confirmed and it does not know',
    of: 'aggregator',
    phase: 'reply',
    at: 'end-write',
  },
  {
    name: 'aggregator-kill-between-seals',
    what: 'when some partitions of a window are sealed and others are not',
    of: 'aggregator',
    phase: 'reply',
    at: 'seal',
    upTo: 7,
  },
  {
    name: 'aggregator-kill-before-final',
    what: 'when all partitions are sealed and there is no final record',
    of: 'aggregator',
    phase: 'request',
    at: 'store-final',
  },
  {
    name: 'aggregator-kill-after-final',
    what: 'when the final record stands and nothing is freed',
    of: 'aggregator',
    phase: 'reply',
    at: 'store-final',
  },
  {
    name: 'aggregator-kill-between-drops',
    what: 'when some partitions of a sealed window are freed and others are not',
    of: 'aggregator',
    phase: 'reply',
    at: 'drop',
    upTo: 7,
  },
];

/** Points that the way to a sink knows, and Redis does not. */
const AT_SINK = [
  {
    name: 'aggregator-kill-before-sink',
    what: 'when its write is on the way and no sink has it',
    phase: 'request',
  },
  {
    name: 'aggregator-kill-before-answer',
    what: 'when a sink has applied its write and not answered',
    phase: 'answer',
  },
] as const;

/** Steps of sealing a window. */
const SEALING: ReadonlySet<string> = new Set(['seal', 'store-final', 'drop']);

/** The first window is sealed only after its lateness. */
const REACHED_WITHIN_MS = 90_000;

/** Resolves with the name of the process that was killed there. */
export async function killAt(
  { region }: FaultContext,
  ids: readonly string[],
  { phase, at }: Pick<Point, 'phase' | 'at'>,
  nth: number,
): Promise<string> {
  let killed: string | undefined;
  const seen = new Map<string, number>();
  const unwatch = ids.map((id) => {
    const { watchers } = region.link(id);
    const watcher = (sighting: Sighting) => {
      if (killed !== undefined || sighting.phase !== phase || sighting.name !== at) return 'pass';
      const count = (seen.get(id) ?? 0) + 1;
      seen.set(id, count);
      if (count < nth) return 'pass';
      killed = id;
      region.daemon(id).killNow();
      return 'swallow';
    };
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  });
  try {
    const id = await eventually(() => killed, { timeoutMs: REACHED_WITHIN_MS, what: `the ${phase} of ${at}` });
    await region.daemon(id).kill();
    return id;
  } finally {
    for (const remove of unwatch) remove();
  }
}

function fault({ name, what, of, phase, at, upTo = 1 }: Point): Fault {
  return {
    name,
    what: `SIGKILL of one ${of} ${what}`,
    relayEnds: of === 'relay',
    needsSeals: SEALING.has(at),
    run: async (context) => {
      const { region, random } = context;
      const ids = of === 'relay' ? region.relayIds : region.aggregatorIds;
      const nth = random.integer(1, upTo);
      const id = await killAt(context, ids, { phase, at }, nth);
      const place = `${phase} ${upTo > 1 ? `${nth} ` : ''}of ${at}`;
      return `${id} killed at the ${place}, gone for ${await lasting(random, 500, 7_000)}`;
    },
  };
}

function atSink({ name, what, phase }: (typeof AT_SINK)[number]): Fault {
  return {
    name,
    what: `SIGKILL of an aggregator ${what}`,
    run: async ({ region, random }) => {
      const gate = random.pick(region.sinks);
      let killed: string | undefined;
      const watcher = (sighting: WriteSighting) => {
        if (killed !== undefined || sighting.phase !== phase) return 'pass';
        killed = sighting.id;
        region.daemon(killed).killNow();
        return 'swallow';
      };
      gate.watchers.add(watcher);
      const id = await eventually(() => killed, { timeoutMs: REACHED_WITHIN_MS, what: `a write to ${gate.name}` });
      gate.watchers.delete(watcher);
      await region.daemon(id).kill();
      return `${id} killed at the ${phase} of a write to ${gate.name}, gone for ${await lasting(random, 500, 7_000)}`;
    },
  };
}

export const KILL_POINTS: readonly Fault[] = [...POINTS.map(fault), ...AT_SINK.map(atSink)];
