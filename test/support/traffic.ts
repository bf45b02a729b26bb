import { bareLine, madeUpEvents, mulberry32, protocolLine } from '../../scripts/demo/made-up-events.ts';
import { Oracle } from './oracle.ts';

/**
 * What clients send in a test of many events: the same seed makes the same requests. Some lines come twice, in either
 * form, in the same request or in a later one, as from clients that did not get their answer. Pure.
 */
export interface TrafficOptions {
  seed: number;
  /** Different events. */
  events: number;
  /** The events are spread evenly over so many windows of a minute. */
  windows: number;
  linesPerRequest: number;
  /** The part of all lines that are repeats: 0.2 for every fifth. */
  repeats: number;
}

export interface Traffic {
  requests: string[][];
  /** All lines, repeats included. */
  lines: number;
  oracle: Oracle;
}

/** The first window: of long ago, never open, so it opens when its first event comes. */
export const FROM_SEC = 1_478_507_520n;
const NS_PER_SECOND = 1_000_000_000n;

export function makeTraffic({ seed, events, windows, linesPerRequest, repeats }: TrafficOptions): Traffic {
  const random = mulberry32(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const oracle = new Oracle();
  const spanNs = BigInt(windows) * 60n * NS_PER_SECOND;
  // Mixed: the generator goes through time in order, but here every window gets events until the end.
  const stream = shuffled([...madeUpEvents({ seed, count: events, from: FROM_SEC * NS_PER_SECOND, spanNs })], random);
  const lines: string[] = [];
  for (const [i, event] of stream.entries()) {
    oracle.add(event);
    lines.push(pick([bareLine, protocolLine])(event));
    while (random() < repeats) lines.push(pick([bareLine, protocolLine])(stream[Math.floor(random() * (i + 1))]!));
  }
  const requests: string[][] = [];
  for (let i = 0; i < lines.length; i += linesPerRequest) requests.push(lines.slice(i, i + linesPerRequest));
  return { requests, lines: lines.length, oracle };
}

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}
