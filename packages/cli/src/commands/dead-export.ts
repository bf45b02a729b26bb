import { EXIT } from '@weir/common/errors';
import { oneOf } from '@weir/common/setting-values';
import type { CommandContext } from '../command-context.ts';
import { DEAD_EXPORT_SCHEMA, exportLine } from '../dead/export-record.ts';
import { letterPlace, readLetterFilter } from '../dead/letter-flags.ts';
import { findLetters } from '../dead/letter-store.ts';
import { withDeployment } from '../deployment-target.ts';
import { printable } from '../table.ts';

export const schema = DEAD_EXPORT_SCHEMA;

/** Prints the lines asked for, and holds no more than a page of letters. */
export async function run(context: CommandContext): Promise<number> {
  const format = context.flags.read('format', oneOf('lines', 'ndjson'));
  return withDeployment(context, async (target) => {
    const filters = await readLetterFilter(context, target);
    for await (const { letter, lines, meant } of findLetters(letterPlace(target), filters, 'oldest-first')) {
      let text = '';
      for (const [i, line] of lines.entries()) {
        if (!meant[i]) continue;
        // What nobody could read may be anything, and nothing of it is to reach a terminal.
        const raw = context.terminal.isTty ? printable(line.bytes.toString()) : line.bytes.toString();
        text += `${format === 'lines' ? raw : JSON.stringify(exportLine(letter, line))}\n`;
      }
      if (context.stopping.aborted) return EXIT.failed;
      context.out(text);
    }
    return EXIT.done;
  });
}
