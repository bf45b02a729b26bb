import { WeirError } from '@weir/common/errors';
import { valueType } from '@weir/common/setting-values';
import type { CommandContext } from '../command-context.ts';
import { parseLetterName } from '../dead/letter.ts';
import { letterPlace } from '../dead/letter-flags.ts';
import { linesOf } from '../dead/letter-lines.ts';
import { readLetter } from '../dead/letter-store.ts';
import { DEAD_SHOW_SCHEMA, type DeadShowReport, letterText, showText } from '../dead/list-report.ts';
import { withDeployment } from '../deployment-target.ts';
import { operand } from '../operand.ts';
import { show } from '../show.ts';
import { printable } from '../table.ts';

export const schema = DEAD_SHOW_SCHEMA;

const letterName = valueType('the name of a letter, such as 3/1700000000000-0', parseLetterName);

export async function run(context: CommandContext): Promise<number> {
  const names = context.operands.map((_, at) => operand(context, '<letter>', letterName, at));
  return withDeployment(context, (target) =>
    show(context, async () => {
      const place = letterPlace(target);
      const report: DeadShowReport = { schema: 'weir.dead-show/1', prefix: target.prefix, letters: [], missing: [] };
      for (const [at, { partition, id }] of names.entries()) {
        const letter = await readLetter(place, partition, id);
        if (!letter) {
          report.missing.push(context.operands[at]!);
          continue;
        }
        const lines = linesOf(letter, place.reading);
        report.letters.push(letterText({ letter, lines, meant: lines.map(() => true), matching: lines.length }));
      }
      const { missing } = report;
      const fault = new WeirError('no-letter', `no such letter, or no longer: ${missing.join(', ')}`, false);
      return { report, text: (view) => showText(report, view, printable), ...(missing.length > 0 ? { fault } : {}) };
    }),
  );
}
