import type { GroupCount, WindowTotals } from '@weir/common/totals-codec';
import { groupName } from './group-table.ts';

export {
  decodeTotals,
  decodeVersion,
  encodeTotals,
  type GroupCount,
  type WindowTotals,
} from '@weir/common/totals-codec';

/** Adds up the partitions. A user lives in one partition, so users add up exactly, as events do. */
export function sumTotals(parts: readonly WindowTotals[]): GroupCount[] {
  const sums = new Map<string, GroupCount>();
  for (const { groups } of parts) {
    for (const group of groups) {
      const name = groupName(group);
      const sum = sums.get(name);
      if (sum) {
        sum.events += group.events;
        sum.users += group.users;
      } else {
        const { eventType, product, events, users } = group;
        sums.set(name, { eventType, product, events, users });
      }
    }
  }
  return [...sums.values()];
}
