import { z } from 'zod';

/**
 * What a daemon knows only by itself and says of itself once a second, for `weir` to show: the hashes `weir:relay-states` and
 * `weir:aggregator-states`, id → JSON (state-report.ts). Nothing depends on it. Times are Unix milliseconds of Redis's clock.
 * Everything in it is bounded: lists are cut, and say so by a count beside them.
 */
export const STATE_VERSION = 1;

const count = z.number().nonnegative();
const said = {
  v: z.literal(STATE_VERSION),
  /** Of the start that says it, 16 hex digits. */
  incarnation: z.string(),
  /** When it was said. */
  lastMs: count,
  /** By how much this machine's clock is ahead of Redis's; null while Redis's is not known. */
  clockAheadMs: z.number().nullable(),
};

const relayState = z.object({
  ...said,
  journal: z.object({
    kind: z.enum(['disk', 'memory']),
    bytes: count,
    maxBytes: count,
    /** For how long confirmed batches are kept. */
    keepMs: count,
    /** Not confirmed by Redis. */
    unconfirmedBytes: count,
    /** When the oldest line in it was received; null: empty, or in memory. */
    oldestMs: count.nullable(),
    /** The disk refuses to be written. */
    failing: z.boolean(),
  }),
  /** When the first line that is not known to be in Redis was received; null: all are there. */
  owedSinceMs: count.nullable(),
  /** Null: the door is shut. */
  udp: z.object({ wantedBufferBytes: count, grantedBufferBytes: count }).nullable(),
  /** What was counted in the last `ms` milliseconds, in lines and datagrams. */
  recent: z.object({
    ms: count,
    received: count,
    rejected: count,
    datagrams: count,
    datagramsDropped: count,
    kernelDrops: count,
  }),
  /** When datagrams were last lost, in the kernel or for want of room in the journal; null: not since the start. */
  lastDropMs: count.nullable(),
});

const sinkState = z.object({
  name: z.string(),
  /** `influx-v1`, `file` and so on. */
  kind: z.string(),
  /** Failing: some windows, and others get through. Away: it takes nothing. */
  state: z.enum(['well', 'failing', 'away']),
  /** Since when it is in this state. */
  sinceMs: count,
  lastWriteMs: count.nullable(),
  lastErrorMs: count.nullable(),
  errorCode: z.string().nullable(),
  /** Its beginning. */
  errorText: z.string().nullable(),
  /** Windows that this process still has to bring to it, and those of them that failed at their last try. */
  backlogWindows: count,
  failingWindows: count,
  /** Since this process started. */
  refusedPoints: count,
  shrunkPoints: count,
  givenUpWindows: count,
});

const aggregatorState = z.object({
  ...said,
  settings: z.object({ holdMs: count, claimIdleMs: count, sinkRetainMs: count, finalKeepMs: count }),
  ownedPartitions: count,
  /** Partitions in which a fault of Redis keeps it from folding, by the fault's code. */
  interrupted: z.record(z.string(), count),
  sinks: z.array(sinkState),
  /** Windows that are due to be sealed and wait for relays: how many, and the oldest of them. */
  waitingWindows: count,
  waiting: z.array(z.object({ startSec: z.number(), relays: z.array(z.string()) })),
  /** When Redis was last seen to have lost data; null: not since the start. */
  rollbackMs: count.nullable(),
  /** Flushes wait for the relays after that. */
  heldBack: z.boolean(),
});

export type RelayState = z.infer<typeof relayState>;
export type AggregatorState = z.infer<typeof aggregatorState>;
export type SinkState = z.infer<typeof sinkState>;

/** What the daemon itself fills in; the rest is added where it is written. */
export type Unsaid<S> = Omit<S, 'v' | 'incarnation' | 'lastMs'>;

export const STATE_LIMITS = { errorTextLength: 200, waitingWindows: 20, sinks: 64 } as const;

/** Undefined when it is no state: a later version may say others. */
export const parseRelayState = (text: string): RelayState | undefined => parse(relayState, text);
export const parseAggregatorState = (text: string): AggregatorState | undefined => parse(aggregatorState, text);

function parse<S>(schema: z.ZodType<S>, text: string): S | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
