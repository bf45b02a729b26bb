import { createHash } from 'node:crypto';
import { WeirError } from '@weir/common/errors';
import { partitionKeys } from '@weir/common/keys';
import { type Applied, act, requireConsent } from '../acting.ts';
import type { CommandContext } from '../command-context.ts';
import { type LetterFilter, type Match, matchLetter } from '../dead/letter-filter.ts';
import { letterPlace, readLetterFilter, windowSecOf } from '../dead/letter-flags.ts';
import { findLetters, type LetterPlace, readLetter, takeLetters } from '../dead/letter-store.ts';
import {
  DEAD_REPLAY_SCHEMA,
  MAX_KEPT_NAMED,
  type ReplayOutcome,
  type ReplayPlan,
  replayOutcomeText,
  replayPlanText,
} from '../dead/replay-report.ts';
import { SealedWindows } from '../dead/sealed-windows.ts';
import { bodyOf, type Chosen, chosenOf, groupsOf, isReadable, takingOf } from '../dead/takings.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import type { RelayClient } from '../sending/relay-client.ts';
import { relayClient, relaysOf } from '../sending/relay-flags.ts';

export const schema = DEAD_REPLAY_SCHEMA;

/**
 * Sends the lines of dead letters again, letter by letter, and takes a letter away only after 204. Stopped in between, it sends
 * the same lines under the same key when it is called again: they count once.
 */
export async function run(context: CommandContext): Promise<number> {
  requireConsent(context);
  const client = relayClient(context);
  return withDeployment(context, async (target) => {
    const filters: LetterFilter = { ...(await readLetterFilter(context, target)), kind: 'dead' };
    const place = letterPlace(target);
    const { chosen, lateAgain, unreadableLetters } = await choose(target, place, filters);
    const plan: ReplayPlan = {
      filters,
      relays: relaysOf(context),
      groups: groupsOf(chosen),
      lateAgain,
      unreadableLetters,
    };
    return act(context, 'weir.dead-replay/1', target.prefix, {
      plan,
      planText: (view) => replayPlanText(plan, view),
      nothing: chosen.length === 0 ? 'no dead letters match that could be sent again' : undefined,
      apply: () => apply(place, filters, chosen, client),
    });
  });
}

async function choose({ recorded }: DeploymentTarget, place: LetterPlace, filters: LetterFilter) {
  const sealed = new SealedWindows(place.redis, place.prefix, windowSecOf(recorded));
  const asked = filters.reasons.includes('unreadable');
  const chosen: Chosen[] = [];
  let [lateAgain, unreadableLetters] = [0, 0];
  for await (const match of findLetters(place, filters, 'oldest-first')) {
    if (!asked && !isReadable(match.letter)) unreadableLetters++;
    if (match.matching === 0 || (!asked && !isReadable(match.letter))) continue;
    chosen.push(chosenOf(match));
    lateAgain += await countLate(match, sealed);
  }
  return { chosen, lateAgain, unreadableLetters };
}

async function countLate({ letter, lines, meant }: Match, sealed: SealedWindows): Promise<number> {
  let late = 0;
  for (const [i, { windowSec }] of lines.entries()) {
    if (meant[i] && windowSec !== undefined && (await sealed.has(letter.partition!, windowSec))) late++;
  }
  return late;
}

async function apply(
  place: LetterPlace,
  filters: LetterFilter,
  chosen: readonly Chosen[],
  client: RelayClient,
): Promise<Applied<ReplayOutcome>> {
  const outcome: ReplayOutcome = { letters: 0, lines: 0, goneBefore: 0, kept: [], keptLetters: 0, requests: 0 };
  const done = (fault?: WeirError) => ({ outcome, text: () => replayOutcomeText(outcome), fault });
  try {
    for (const { partition, id } of chosen) {
      const letter = await readLetter(place, partition, id);
      const match = letter && matchLetter(letter, filters, place.reading);
      if (match) await replay(place, match, client, outcome);
      else outcome.goneBefore++;
    }
  } catch (error) {
    // What was sent until then is said all the same.
    if (error instanceof WeirError) return done(error);
    throw error;
  }
  if (outcome.keptLetters === 0) return done();
  return done(
    new WeirError('lines-rejected', `relays reject lines of ${outcome.keptLetters} letters, which stay`, false),
  );
}

async function replay(place: LetterPlace, match: Match, client: RelayClient, outcome: ReplayOutcome): Promise<void> {
  const { letter } = match;
  const { verdict, requests } = await client.write(bodyOf(match), keyOf(place, letter.name));
  outcome.requests += requests;
  if (verdict.kind === 'partly') {
    outcome.keptLetters++;
    const { line, reason, detail } = verdict.rejections[0]!;
    if (outcome.kept.length < MAX_KEPT_NAMED) {
      const why = `line ${line}: ${reason}: ${detail}`;
      outcome.kept.push({ letter: letter.name, rejectedLines: verdict.rejected, why });
    }
    return;
  }
  const keys = partitionKeys(place.prefix, letter.partition!);
  const taken = await takeLetters(place.redis, keys, 'dead-replayed', [takingOf(match)]);
  outcome.letters += taken.letters;
  outcome.lines += taken.lines;
  outcome.goneBefore += 1 - taken.letters;
}

/** The same whenever this letter is sent: a relay, and the fold, know it again, with either identity. */
function keyOf({ prefix }: LetterPlace, name: string): string {
  return `weir-dead-${createHash('sha1').update(`${prefix}\n${name}`).digest('hex')}`;
}
