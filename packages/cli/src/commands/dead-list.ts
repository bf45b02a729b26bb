import { redisTimeMs } from '@weir/common/redis';
import { integer } from '@weir/common/setting-values';
import type { CommandContext } from '../command-context.ts';
import type { LetterFilter } from '../dead/letter-filter.ts';
import { letterPlace, readLetterFilter } from '../dead/letter-flags.ts';
import { countLetters, findLetters, type LetterPlace } from '../dead/letter-store.ts';
import { DEAD_LIST_SCHEMA, type DeadListReport, type LetterRow, letterRow, listText } from '../dead/list-report.ts';
import { withDeployment } from '../deployment-target.ts';
import { show } from '../show.ts';

export const schema = DEAD_LIST_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  const limit = context.flags.read('limit', integer(1, 10_000));
  return withDeployment(context, (target) =>
    show(context, async () => {
      const filters = await readLetterFilter(context, target);
      const place = letterPlace(target);
      const { letters, more } = await newest(place, filters, limit);
      const { dead, refused } = await countLetters(place);
      const report: DeadListReport = {
        schema: 'weir.dead-list/1',
        prefix: target.prefix,
        redisTimeMs: Math.floor(await redisTimeMs(target.redis)),
        filters,
        letters,
        more,
        totals: { deadLetters: dead, refusedLetters: refused },
      };
      return { report, text: (view) => listText(report, view) };
    }),
  );
}

/** Stream by stream, and of each no more than are shown: the newest of all are among those. */
async function newest({ ...place }: LetterPlace, filters: LetterFilter, limit: number) {
  const rows: LetterRow[] = [];
  let more = false;
  for (const only of streams(place, filters)) {
    let found = 0;
    for await (const match of findLetters(place, only, 'newest-first')) {
      more ||= found === limit;
      if (found++ === limit) break;
      rows.push(letterRow(match));
    }
  }
  rows.sort((a, b) => b.deadMs - a.deadMs);
  return { letters: rows.slice(0, limit), more: more || rows.length > limit };
}

/** The filter for each stream alone. */
function streams({ partitions }: LetterPlace, filters: LetterFilter): LetterFilter[] {
  const some: LetterFilter[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const meant = filters.partition === null || filters.partition === partition;
    if (filters.kind !== 'refused' && meant) some.push({ ...filters, kind: 'dead', partition });
  }
  if (filters.kind !== 'dead' && filters.partition === null) some.push({ ...filters, kind: 'refused' });
  return some;
}
