import { partitionKeys } from '@weir/common/keys';
import { type Applied, act, asFarAsItGoes, requireConsent } from '../acting.ts';
import type { CommandContext } from '../command-context.ts';
import { type LetterFilter, matchLetter } from '../dead/letter-filter.ts';
import { letterPlace, readLetterFilter } from '../dead/letter-flags.ts';
import {
  findLetters,
  type LetterPlace,
  readLetter,
  type Taken,
  type Taking,
  takeLetters,
  takeRefused,
} from '../dead/letter-store.ts';
import {
  DEAD_PURGE_SCHEMA,
  type PurgeOutcome,
  type PurgePlan,
  purgeOutcomeText,
  purgePlanText,
} from '../dead/purge-report.ts';
import { type Chosen, chosenOf, groupsOf, takingOf } from '../dead/takings.ts';
import { withDeployment } from '../deployment-target.ts';

export const schema = DEAD_PURGE_SCHEMA;

const AT_ONCE = 100;

export async function run(context: CommandContext): Promise<number> {
  requireConsent(context);
  return withDeployment(context, async (target) => {
    const filters = await readLetterFilter(context, target);
    const place = letterPlace(target);
    const chosen: Chosen[] = [];
    for await (const match of findLetters(place, filters, 'oldest-first')) chosen.push(chosenOf(match));
    const plan: PurgePlan = { filters, groups: groupsOf(chosen) };
    return act(context, 'weir.dead-purge/1', target.prefix, {
      plan,
      planText: (view) => purgePlanText(plan, view),
      nothing: chosen.length === 0 ? 'no letters match' : undefined,
      apply: () => apply(place, filters, chosen),
    });
  });
}

async function apply(
  place: LetterPlace,
  filters: LetterFilter,
  chosen: readonly Chosen[],
): Promise<Applied<PurgeOutcome>> {
  const outcome: PurgeOutcome = { letters: 0, lines: 0, goneBefore: 0 };
  const work = async () => {
    for (let at = 0, to = 0; at < chosen.length; at = to) {
      const { partition } = chosen[at]!;
      while (to < chosen.length && to - at < AT_ONCE && chosen[to]!.partition === partition) to++;
      const before = outcome.letters;
      await take(place, filters, partition, chosen.slice(at, to), outcome);
      outcome.goneBefore += to - at - (outcome.letters - before);
    }
    return undefined;
  };
  return asFarAsItGoes(outcome, work, {
    text: () => purgeOutcomeText(outcome),
    done: () => `${outcome.lines} lines of ${outcome.letters} letters were thrown away, of ${chosen.length} letters`,
  });
}

async function take(
  place: LetterPlace,
  filters: LetterFilter,
  partition: number | null,
  some: readonly Chosen[],
  taken: Taken,
): Promise<void> {
  const { redis, prefix } = place;
  if (partition === null) {
    const ids = some.map(({ id }) => id);
    await takeRefused(redis, prefix, ids, taken);
    return;
  }
  const takings: Taking[] = [];
  for (const { id, lines, split } of some) {
    if (!split) {
      takings.push({ id, lines });
      continue;
    }
    // Its other lines stay, so they are read once more.
    const letter = await readLetter(place, partition, id);
    const match = letter && matchLetter(letter, filters, place.reading);
    if (match) takings.push(takingOf(match));
  }
  await takeLetters(redis, partitionKeys(prefix, partition), 'dead-purged', takings, taken);
}
