import type { EventShape } from './event-pool.ts';

/** What scenarios load with where they do not vary it. */
export const CONNECTIONS = 8;
export const BASE_SHAPE: EventShape = { groups: 20, users: 10_000, pairs: 40_000 };
export const BASE_SETTINGS = {
  connections: CONNECTIONS,
  groups: BASE_SHAPE.groups,
  users: BASE_SHAPE.users,
  'pairs of user and group': BASE_SHAPE.pairs,
};
/** Of the events, and sent before a clock runs, into a window of their own. */
export const WARM_UP = 0.1;

/** Start of the minute so many before this one, Unix seconds. */
export function earlierMinute(minutes: number): number {
  return (Math.floor(Date.now() / 60_000) - minutes) * 60;
}
