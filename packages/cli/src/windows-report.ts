import type { GroupCount } from '@weir/common/totals-codec';
import { z } from 'zod';
import { type WindowLook, windowLedger } from './ledger-report.ts';
import { count, orUnknown, reportSchema, unixMs } from './report-schema.ts';
import { type WindowStatus, windowStatusSchema } from './window-status.ts';

/** What `weir windows` tells of a window: how far it is, and what it holds. Pure. */
const groupSchema = z.object({ eventType: z.string(), product: z.string(), events: count, users: count });

export const windowDetailSchema = windowStatusSchema.extend({
  events: orUnknown(count).describe('of all groups: final totals, or else those published so far'),
  users: orUnknown(count).describe('of all groups; a user of two groups counts in both'),
  groupCount: orUnknown(count),
  current: orUnknown(z.boolean()).describe('whether these are all that was counted'),
  groups: z.array(groupSchema).describe('the largest first, as many as were asked for'),
});

export const WINDOWS_SCHEMA = reportSchema('windows', 1, 'Windows: how far they are, and what they hold.', {
  prefix: z.string(),
  redisTimeMs: unixMs.describe("Redis's clock, Unix milliseconds"),
  windows: z.array(windowDetailSchema).describe('the newest first'),
  inAll: count.describe('windows that there are, those left out included'),
});

export type WindowsReport = z.infer<typeof WINDOWS_SCHEMA>;
export type WindowDetail = z.infer<typeof windowDetailSchema>;

/** `groups`: how many to show, the largest first. */
export function windowDetail(status: WindowStatus, look: WindowLook, groups: number): WindowDetail {
  const { events, users, current } = windowLedger(look);
  const all = mergedGroups(look);
  return { ...status, events, users, current, groupCount: all.length, groups: all.slice(0, groups) };
}

/** Of the final record, or else of all partitions together: a user is in one of them only, so users add up. */
function mergedGroups({ final, parts }: WindowLook): GroupCount[] {
  const merged = new Map<string, GroupCount>();
  for (const { eventType, product, events, users } of final ?? parts.flatMap((part) => part.groups)) {
    const name = `${eventType}\u0000${product}`;
    const known = merged.get(name);
    merged.set(name, { eventType, product, events: events + (known?.events ?? 0), users: users + (known?.users ?? 0) });
  }
  return [...merged.values()].sort((a, b) => b.events - a.events || (nameOf(a) < nameOf(b) ? -1 : 1));
}

const nameOf = ({ eventType, product }: GroupCount): string => `${eventType}\u0000${product}`;
