import { recordedShape } from '@weir/common/deployment';
import { redisTimeMs } from '@weir/common/redis';
import { integer, oneOf, text } from '@weir/common/setting-values';
import { TotalsReader } from '@weir/common/totals-line';
import { windowStartSec } from '@weir/common/window';
import { refused } from '../acting.ts';
import { type CommandContext, UsageError } from '../command-context.ts';
import type { DeploymentTarget } from '../deployment-target.ts';
import { moment, momentMs, windowMoment } from '../moment.ts';
import type { LetterFilter } from './letter-filter.ts';
import type { LetterPlace } from './letter-store.ts';

/** Which letters are meant, from the flags that all commands on letters share. */
export async function readLetterFilter(
  { flags }: CommandContext,
  { redis, partitions, recorded }: DeploymentTarget,
): Promise<LetterFilter> {
  const nowMs = await redisTimeMs(redis);
  const since = flags.readOptional('since', moment);
  const until = flags.readOptional('until', moment);
  const partition = flags.readOptional('partition', integer(0, Number.MAX_SAFE_INTEGER)) ?? null;
  if (partition !== null && partition >= partitions) {
    throw new UsageError(`--partition: got ${partition}, expected one from 0 to ${partitions - 1}`);
  }
  const inWindowMs = flags.readOptional('window', windowMoment);
  return {
    kind: (flags.has('kind') && flags.readOptional('kind', oneOf('dead', 'refused'))) || null,
    partition,
    reasons: flags.readMany('reason', text()),
    relay: flags.readOptional('from-relay', text()) ?? null,
    sink: (flags.has('sink') && flags.readOptional('sink', text())) || null,
    sinceMs: since === undefined ? null : Math.floor(momentMs(since, nowMs)),
    untilMs: until === undefined ? null : Math.floor(momentMs(until, nowMs)),
    product: flags.readOptional('product', text()) ?? null,
    eventType: flags.readOptional('type', text()) ?? null,
    windowSec: inWindowMs === undefined ? null : windowStartSec(Math.floor(inWindowMs / 1_000), windowSecOf(recorded)),
  };
}

/** Rejects where no aggregator has recorded it yet: then there are no windows either. */
export function windowSecOf({ windowMs }: DeploymentTarget['recorded']): number {
  if (windowMs === undefined) throw refused('no aggregator has started in this deployment: it has no windows yet');
  return windowMs / 1_000;
}

export function letterPlace({ redis, prefix, partitions, recorded }: DeploymentTarget): LetterPlace {
  const windowLengthSec = recorded.windowMs === undefined ? undefined : recorded.windowMs / 1_000;
  const totals = new TotalsReader(recordedShape(recorded));
  return { redis, prefix, partitions, reading: { windowLengthSec, totals } };
}
