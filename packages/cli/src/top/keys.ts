/** What somebody at the terminal wants, from the bytes that the keys send. Pure. */
export const SORTS = ['lag', 'partition', 'rate'] as const;
export type Sort = (typeof SORTS)[number];

export interface Wishes {
  quit: boolean;
  paused: boolean;
  help: boolean;
  sort: Sort;
  intervalMs: number;
  /** How many partitions are scrolled past. */
  skipped: number;
}

/** What + and - step through; a look never begins before the one before it is done. */
export const INTERVALS_MS: readonly number[] = [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

const PAGE = 10;
/** Arrows and their kin send several bytes; whatever else begins like them is nothing that we know. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what such keys send.
const STROKES = /\u001b(?:\[[0-9;]*[ -/]*[@-~]|O.)?|./gsu;

type Change = (wishes: Wishes) => Partial<Wishes>;

const CHANGES: ReadonlyMap<string, Change> = new Map<string, Change>([
  ...each(['q', 'Q', '\u0003', '\u0004'], () => ({ quit: true })),
  ...each(['p', 'P', ' '], ({ paused }) => ({ paused: !paused })),
  ...each(['s', 'S'], ({ sort }) => ({ sort: SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length]!, skipped: 0 })),
  ...each(['?', 'h', 'H'], () => ({ help: true })),
  ...each(['+', '='], ({ intervalMs }) => ({
    intervalMs: INTERVALS_MS.find((ms) => ms > intervalMs) ?? intervalMs,
  })),
  ...each(['-', '_'], ({ intervalMs }) => ({
    intervalMs: INTERVALS_MS.findLast((ms) => ms < intervalMs) ?? intervalMs,
  })),
  ...each(['\u001b[A', '\u001bOA', 'k'], ({ skipped }) => ({ skipped: skipped - 1 })),
  ...each(['\u001b[B', '\u001bOB', 'j'], ({ skipped }) => ({ skipped: skipped + 1 })),
  ...each(['\u001b[5~'], ({ skipped }) => ({ skipped: skipped - PAGE })),
  ...each(['\u001b[6~'], ({ skipped }) => ({ skipped: skipped + PAGE })),
  ...each(['\u001b[H', '\u001b[1~', 'g'], () => ({ skipped: 0 })),
]);

function each(strokes: readonly string[], change: Change): [string, Change][] {
  return strokes.map((stroke) => [stroke, change]);
}

/** `bytes`: as the terminal sent them, several keys perhaps. `partitions`: how many there are to scroll through. */
export function pressed(bytes: string, wishes: Wishes, partitions: number): Wishes {
  let now = wishes;
  for (const [stroke] of bytes.matchAll(STROKES)) {
    const change = CHANGES.get(stroke);
    const changed = change ? { ...now, ...change(now) } : now;
    // With the help open any key closes it, and those that end it all still do.
    now = now.help ? { ...now, help: false, quit: changed.quit } : changed;
    now = { ...now, skipped: Math.max(0, Math.min(now.skipped, partitions - 1)) };
  }
  return now;
}
