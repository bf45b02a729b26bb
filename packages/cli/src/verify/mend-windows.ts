import { type Sink, SinkError, type SinkPoint } from '@weir/sinks/sink';
import { askFlush } from '../windows/asking.ts';
import type { StandingOptions } from '../windows/window-standing.ts';
import { countRepairs, missingOf, writesOf } from './differences.ts';
import type { JudgedWindow, WindowJudge } from './judge-window.ts';
import type { ReadSinks } from './read-sinks.ts';
import type { PlannedWindow, VerifyOutcome } from './verify-report.ts';

/**
 * Writes what was planned, window by window, each judged anew right before. An aggregator may write the same window at the same
 * time, and InfluxDB cannot be told which of two writes came first; so after each one the aggregators are asked to bring the
 * window to that sink again: they read it back and raise what lacks. Nothing that Redis knows can stay too small by this.
 */
export interface MendOptions {
  place: StandingOptions;
  sinks: ReadSinks;
  judge: WindowJudge;
  signal: AbortSignal;
}

export const nothingMended = (): VerifyOutcome => ({
  windows: 0,
  values: 0,
  changedWindows: 0,
  refusedValues: 0,
  missingValues: 0,
  failedSinks: [],
});

/** Keeps `outcome` up to date step by step. Rejects with a RedisFault, or with a SinkError once the signal ended it. */
export async function mendWindow(options: MendOptions, planned: PlannedWindow, outcome: VerifyOutcome): Promise<void> {
  const judged = await options.judge.judgeCarefully(planned.startSec);
  const writes = countRepairs(judged.differences, 'write');
  if (judged.truth.mark !== planned.mark || writes > planned.values) {
    outcome.changedWindows++;
    return;
  }
  let mended = 0;
  for (const [name, points] of writesOf(judged.differences)) {
    const sink = options.sinks.sink(name);
    if (!sink) continue;
    try {
      mended += await write(options, judged, sink, points, outcome);
    } catch (error) {
      if (!(error instanceof SinkError) || options.signal.aborted) throw error;
      outcome.failedSinks.push({ name, error: `${error.code}: ${error.message}` });
      await options.sinks.fail(name, error);
    }
  }
  if (mended > 0) outcome.windows++;
  outcome.values += mended;
}

/** Answers how many values stand there as they were written. */
async function write(
  { place, signal }: MendOptions,
  { startSec, truth }: JudgedWindow,
  sink: Sink,
  points: readonly SinkPoint[],
  outcome: VerifyOutcome,
): Promise<number> {
  const window = { startSec, windowSec: place.windowLengthSec };
  let refused = 0;
  try {
    refused = (await sink.write(window, points, signal)).rejected.length;
  } finally {
    // Of a window that is gone they know nothing, and no more than we do.
    if (truth.knownBy !== 'gone') await askFlush(place.redis, place.prefix, sink.name, startSec);
  }
  const missing = missingOf(points, await sink.read(window, signal));
  outcome.refusedValues += refused;
  outcome.missingValues += Math.max(0, missing - refused);
  return points.length - missing;
}
