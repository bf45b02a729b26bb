import { partitionKeys } from '@weir/common/keys';
import { windowOf } from './books-of-truth.ts';
import { type FaultRegion, PARTITIONS, PREFIX } from './fault-region.ts';
import type { DeadLine } from './verdict.ts';

/** Every line in the dead-letter streams, with the event it stands for; and those that no client sent. */
export async function readDeadLetters(
  region: FaultRegion,
  nameOfLine: ReadonlyMap<string, string>,
): Promise<{ lines: DeadLine[]; strange: string[] }> {
  const lines: DeadLine[] = [];
  const strange: string[] = [];
  const { windowSec } = region.settings;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const [, fields] of await region.client.xrange(partitionKeys(PREFIX, partition).dead, '-', '+')) {
      const field = (key: string) => fields[fields.indexOf(key) + 1] ?? '';
      for (const text of field('d').split('\n')) {
        if (text === '') continue;
        const name = nameOfLine.get(text);
        if (name === undefined) {
          strange.push(text);
          continue;
        }
        const sec = windowOf(name);
        const windowStartSec = sec - (sec % windowSec);
        lines.push({ reason: field('reason'), name, receivedMs: Number(field('t')), windowStartSec });
      }
    }
  }
  return { lines, strange };
}
