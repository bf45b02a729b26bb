import { aggregatorsKey, partitionKeys } from '@weir/common/keys';
import { RedisFault, redisTimeMs } from '@weir/common/redis';
import { duration, integer, text } from '@weir/common/setting-values';
import type { Redis } from 'ioredis';
import { type Applied, act, requireConsent } from '../acting.ts';
import { type CommandContext, UsageError } from '../command-context.ts';
import { claimEntries } from '../consumers/claim-entries.ts';
import {
  CLAIM_SCHEMA,
  type ClaimFilters,
  type ClaimMove,
  type ClaimOutcome,
  claimOutcomeText,
  claimPlan,
  claimPlanText,
  planClaim,
} from '../consumers/claim-plan.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import { aliveIds, readHeartbeats } from '../heartbeats.ts';
import { Budget } from '../page-size.ts';
import { listPending, type PendingEntry } from '../partition-state.ts';
import { readHash } from './lag.ts';

export const schema = CLAIM_SCHEMA;

const CONSUMER = text('the name of a consumer');

/** Hands pending entries to the owners of their partitions. */
export async function run(context: CommandContext): Promise<number> {
  requireConsent(context);
  const { flags } = context;
  const filters: ClaimFilters = {
    partition: flags.readOptional('partition', integer(0, Number.MAX_SAFE_INTEGER)) ?? null,
    from: flags.readOptional('from', CONSUMER) ?? null,
    to: flags.readOptional('to', CONSUMER) ?? null,
    idleMs: flags.read('idle', duration()),
  };
  return withDeployment(context, async (target) => {
    if (filters.partition !== null && filters.partition >= target.partitions) {
      throw new UsageError(`--partition: got ${filters.partition}, expected one from 0 to ${target.partitions - 1}`);
    }
    const moves = await lookForMoves(target, filters);
    const plan = claimPlan(filters, moves);
    return act(context, 'weir.claim/1', target.prefix, {
      plan,
      planText: (view) => claimPlanText(plan, view),
      nothing: moves.length === 0 ? 'no pending entries of others than the owners match' : undefined,
      apply: () => apply(target, moves, filters),
    });
  });
}

async function lookForMoves({ redis, prefix, partitions }: DeploymentTarget, filters: ClaimFilters) {
  const budget = new Budget(Number.POSITIVE_INFINITY, () => performance.now());
  const lists = new Map<number, PendingEntry[]>();
  for (let partition = 0; partition < partitions; partition++) {
    if (filters.partition !== null && partition !== filters.partition) continue;
    const { stream } = partitionKeys(prefix, partition);
    lists.set(partition, (await listPending(redis, stream, budget, filters.from ?? undefined)).entries);
  }
  return planClaim(lists, await alive(redis, prefix), filters);
}

async function apply(
  { redis, prefix }: DeploymentTarget,
  moves: readonly ClaimMove[],
  { idleMs }: ClaimFilters,
): Promise<Applied<ClaimOutcome>> {
  const budget = new Budget(Number.POSITIVE_INFINITY, () => performance.now());
  const outcome: ClaimOutcome = { claimed: 0, elsewhere: 0, missingEntries: 0 };
  let fault: RedisFault | undefined;
  try {
    for (const move of moves) {
      // Whoever was the owner when the question was asked may be gone by the answer; then there is another.
      const living = await alive(redis, prefix);
      if (!living.includes(move.to)) {
        outcome.elsewhere += move.entries;
        continue;
      }
      const done = await claimEntries(redis, partitionKeys(prefix, move.partition).stream, move, idleMs, budget);
      outcome.claimed += done.claimed;
      outcome.elsewhere += done.elsewhere;
      outcome.missingEntries += done.missingEntries;
    }
  } catch (error) {
    if (!(error instanceof RedisFault)) throw error;
    fault = error;
  }
  return { outcome, text: () => claimOutcomeText(outcome), fault };
}

async function alive(redis: Redis, prefix: string): Promise<string[]> {
  const redisMs = await redisTimeMs(redis);
  return aliveIds(readHeartbeats(await readHash(redis, aggregatorsKey(prefix)), redisMs));
}
