import type { Clock } from '@weir/common/clock';
import { aggregatorStatuses } from './aggregator-status.ts';
import { lookAtDaemons } from './daemons-look.ts';
import type { DeploymentTarget } from './deployment-target.ts';
import { aliveIds } from './heartbeats.ts';
import { measurePartitions } from './lag-look.ts';
import type { LagMeasures } from './lag-report.ts';
import { lookAtOthers } from './others-look.ts';
import { Budget } from './page-size.ts';
import { readAllBooks } from './partition-books.ts';
import { booksStatus, partitionStatus, windowsSummary } from './partition-status.ts';
import { lookAtRedis } from './redis-look.ts';
import { relayStatuses } from './relay-status.ts';
import { sinkStatuses } from './sink-status.ts';
import type { StatusFacts } from './status-report.ts';
import { sinkBacklogs, windowStatuses } from './window-status.ts';
import { lookAtWindows } from './windows-look.ts';

/** Everything that `weir status`, `top` and `check` rest on, looked at once. What takes reading gets so long, each. */
export interface LookOptions {
  clock: Clock;
  patienceMs: number;
}

export interface StatusLook {
  facts: StatusFacts;
  /** What the partitions in the facts are made of. */
  measured: LagMeasures[];
  /** Aggregators, by id. */
  alive: string[];
}

export async function lookAtStatus(target: DeploymentTarget, options: LookOptions): Promise<StatusFacts> {
  return (await lookAtAll(target, options)).facts;
}

export async function lookAtAll(target: DeploymentTarget, { clock, patienceMs }: LookOptions): Promise<StatusLook> {
  const { redis, prefix, partitions } = target;
  const patience = () => new Budget(patienceMs, () => clock.monotonicMs());
  const look = await lookAtDaemons(redis, prefix);
  const measured = await measurePartitions(target, undefined, patience());
  const books = await readAllBooks(redis, prefix, partitions, patience());
  const windowsLook = await lookAtWindows(redis, prefix, partitions, look.deployment.sinks ?? []);
  const others = await lookAtOthers(target, look.deployment.sinks ?? []);
  const windows = windowStatuses(windowsLook, look);
  const facts = {
    prefix,
    redisTimeMs: look.redisMs,
    relays: relayStatuses(look),
    partitions: measured.map((measures) => partitionStatus(measures, look.heartbeats)),
    books: booksStatus(books),
    aggregators: aggregatorStatuses(look, partitions),
    windows: windowsSummary(windows, windowsLook.finalRecords),
    sinks: sinkStatuses(look, sinkBacklogs(windows, windowsLook, look.redisMs), others),
    redis: await lookAtRedis(redis),
  };
  return { facts, measured, alive: aliveIds(look.heartbeats) };
}
