import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '@weir/common/random';
import type { Clients } from '../clients.ts';
import type { FaultRegion, RegionSettings } from '../fault-region.ts';

/**
 * One way in which a region breaks. `run` brings it about, lets it last, and answers a few words about what it did;
 * then `heal` undoes what only it knows of, where there is such a thing, and everything is healed: every proxy passes,
 * every process that should run is started and thawed.
 */
export interface Fault {
  name: string;
  /** For people: one sentence. */
  what: string;
  run(context: FaultContext): Promise<string>;
  heal?(context: FaultContext): Promise<void>;
  /**
   * 'some': Redis goes back by seconds. 'all': it forgets everything. Without a journal on disk what Redis forgot comes
   * back only from relays that have been up since.
   */
  redisLoses?: 'some' | 'all';
  /** A relay ends, and what it has in memory with it. */
  relayEnds?: boolean;
  /** Comes about only while windows are sealed. */
  needsSeals?: boolean;
  /** Until it is healed a relay may be out of reach of Redis, and sealing waits for every relay. */
  holdsUpSeals?: boolean;
  /** Lasts longer than the fault's `--hold`: late events are dead letters although they came in time. */
  holdExceeded?: boolean;
  /** Settings it needs; it then has a region of its own. */
  settings?: Partial<RegionSettings>;
  /** Not together with another, even without settings of its own. */
  alone?: boolean;
  /** Traffic it needs; `--rate` unless told. */
  eventsPerSecond?: number;
  /** Never drawn. */
  byNameOnly?: boolean;
  /** What this machine must have; answers what is missing. */
  missing?(): string | undefined;
}

export interface FaultContext {
  region: FaultRegion;
  clients: Clients;
  random: Random;
}

/** For a time between the two; answers how long it was. */
export async function lasting(random: Random, fromMs: number, toMs: number): Promise<string> {
  const ms = Math.round(random.between(fromMs, toMs));
  await sleep(ms);
  return `${(ms / 1000).toFixed(1)} s`;
}
