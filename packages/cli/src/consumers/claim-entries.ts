import { CONSUMER_GROUP } from '@weir/common/keys';
import { Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import { type Budget, PageSize, STEP_BYTES } from '../page-size.ts';
import type { ClaimMove, ClaimOutcome } from './claim-plan.ts';

const CLAIM = Script.beside(import.meta.url, 'claim-entries');

/** Hands the entries of a move over, in steps too short to be felt. Rejects with a RedisFault. */
export async function claimEntries(
  redis: Redis,
  stream: string,
  { from, to, ids }: ClaimMove,
  idleMs: number,
  budget: Budget,
): Promise<ClaimOutcome> {
  const page = new PageSize();
  const outcome: ClaimOutcome = { claimed: 0, elsewhere: 0, missingEntries: 0 };
  for (let at = 0; at < ids.length; ) {
    const args = [CONSUMER_GROUP, from, to, idleMs, STEP_BYTES, ...ids.slice(at, at + page.size)];
    const reply = await page.timed(budget, () => CLAIM.run(redis, [stream], args));
    const [claimed, elsewhere, missing, dealtWith] = reply as [number, number, number, number];
    outcome.claimed += claimed;
    outcome.elsewhere += elsewhere;
    outcome.missingEntries += missing;
    at += dealtWith;
  }
  return outcome;
}
