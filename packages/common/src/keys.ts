/**
 * Every Redis key of a deployment, in one place. All begin with the prefix. The keys of one partition share the hash
 * tag `{<partition>}`, so that they live in one Redis Cluster slot and one script may touch them together; the same
 * holds for the keys of one sink, of final records and of what sinks refuse. Scripts build the keys of single windows
 * from `base`, under the same tag.
 *
 *   weir:{3}:stream            stream   batches, one entry each (batch.ts)
 *   weir:{3}:relays            hash     incarnation → "last sequence, Redis ms"         (append.lua, probe.lua)
 *   weir:{3}:counters          hash     the ledger of the partition, in lines            (append.lua, fold.lua)
 *   weir:{3}:seed              string   the partition's identity hash key, 16 hex digits (fold.lua)
 *   weir:{3}:birth             string   random, drawn when the partition came into being: an emptied one gets another
 *   weir:{3}:windows           hash     window → "length nonce openedMs"                 (fold.lua)
 *   weir:{3}:open              zset     open windows, scored by their start              (fold.lua)
 *   weir:{3}:log:<window>:<k>  string   chunk k of the window's log                      (fold.lua)
 *   weir:{3}:sealed:<chunk>    bitmap   4,096 windows each                               (seal.lua)
 *   weir:{3}:dead              stream   dead letters                                     (fold.lua)
 *   weir:{3}:suspects          hash     entry → who processes it alone, how often it crashed
 *   weir:{3}:dirty             set      windows whose totals are not published at their version
 *   weir:{3}:published         hash     window → version of the published totals         (publish.lua)
 *   weir:{3}:stamp             string   changes with every change of `published`
 *   weir:{3}:others            stream   batches of other lines, one entry each; a consumer group per sink, named like it
 *   weir:{3}:other-relays      hash     as `relays`, for them                            (append.lua, probe.lua)
 *   weir:{3}:other-counters    hash     lines and bytes appended, lines dropped          (append.lua)
 *   weir:{3}:totals:<window>   string   published totals                                 (totals-codec.ts)
 *   weir:deployment            hash     the settings all processes share
 *   weir:relays                hash     relay id → its last report
 *   weir:relay-counts          hash     "incarnation relay-id" → what that start counted    (relay-counts.ts)
 *   weir:relay-states          hash     relay id → how it is, for people                     (daemon-state.ts)
 *   weir:aggregators           hash     aggregator id → its last heartbeat
 *   weir:aggregator-states     hash     aggregator id → how it is, for people                (daemon-state.ts)
 *   weir:{final}:<window>      string   the final record of a sealed window              (store-final.lua)
 *   weir:{final}:windows       zset     windows with a final record, scored by when it was stored (ms)
 *   weir:{final}:stamp         string   changes with every change of the two above
 *   weir:{final}:asked         hash     window → when somebody asked for its seal            (ask-seal.lua)
 *   weir:{sink:az1}:<window>   hash     a sink's books of a window: intent, confirmed versions, settle state
 *   weir:{sink:az1}:asked      zset     windows that somebody asked to bring to it again     (ask-flush.lua)
 *   weir:{refused}:letters     stream   what sinks refuse for good                       (add-refused.lua)
 *   weir:{refused}:known       zset     which points and lines these are
 *
 * A window is named by its start in Unix seconds.
 */
export interface PartitionKeys {
  /** Ends with a colon; scripts append the rest. */
  readonly base: string;
  readonly stream: string;
  readonly relays: string;
  readonly counters: string;
  readonly seed: string;
  readonly birth: string;
  readonly windows: string;
  readonly open: string;
  readonly dead: string;
  readonly suspects: string;
  readonly dirty: string;
  readonly published: string;
  readonly stamp: string;
  readonly others: string;
  readonly otherRelays: string;
  readonly otherCounters: string;
  logChunk(windowStartSec: number, chunk: number): string;
  totals(windowStartSec: number): string;
}

/** The one consumer group on every partition's stream. */
export const CONSUMER_GROUP = 'aggregators';

export function partitionKeys(prefix: string, partition: number): PartitionKeys {
  const base = `${prefix}:{${partition}}:`;
  return {
    base,
    stream: `${base}stream`,
    relays: `${base}relays`,
    counters: `${base}counters`,
    seed: `${base}seed`,
    birth: `${base}birth`,
    windows: `${base}windows`,
    open: `${base}open`,
    dead: `${base}dead`,
    suspects: `${base}suspects`,
    dirty: `${base}dirty`,
    published: `${base}published`,
    stamp: `${base}stamp`,
    others: `${base}others`,
    otherRelays: `${base}other-relays`,
    otherCounters: `${base}other-counters`,
    logChunk: (windowStartSec, chunk) => `${base}log:${windowStartSec}:${chunk}`,
    totals: (windowStartSec) => `${base}totals:${windowStartSec}`,
  };
}

export const deploymentKey = (prefix: string): string => `${prefix}:deployment`;
export const relaysKey = (prefix: string): string => `${prefix}:relays`;
export const relayCountsKey = (prefix: string): string => `${prefix}:relay-counts`;
export const relayStatesKey = (prefix: string): string => `${prefix}:relay-states`;
export const aggregatorStatesKey = (prefix: string): string => `${prefix}:aggregator-states`;
export const aggregatorsKey = (prefix: string): string => `${prefix}:aggregators`;
export const finalKey = (prefix: string, windowStartSec: number): string => `${prefix}:{final}:${windowStartSec}`;
export const finalsKey = (prefix: string): string => `${prefix}:{final}:windows`;
export const finalsStampKey = (prefix: string): string => `${prefix}:{final}:stamp`;
export const sinkWindowKey = (prefix: string, sink: string, windowStartSec: number): string =>
  `${prefix}:{sink:${sink}}:${windowStartSec}`;
export const sinkAskedKey = (prefix: string, sink: string): string => `${prefix}:{sink:${sink}}:asked`;
export const sealAskedKey = (prefix: string): string => `${prefix}:{final}:asked`;
export const refusedKeys = (prefix: string): { letters: string; known: string } => ({
  letters: `${prefix}:{refused}:letters`,
  known: `${prefix}:{refused}:known`,
});
