import { type DigestContext, digestEntry } from '@weir/aggregator/digest';
import {
  type FoldContext,
  type FoldItem,
  type FoldLimits,
  type FoldPlan,
  isOldWindow,
  type KnownWindow,
  planFold,
  windowsTouched,
} from '@weir/aggregator/fold-plan';
import { GroupTable } from '@weir/aggregator/group-table';
import { WindowState } from '@weir/aggregator/window-state';
import { entryOf, eventOf, lineOf, type TestEvent } from '../../support/event-lines.ts';

const KEY = { k0: 3, k1: 4 };
const groups = new GroupTable(KEY);
const how: DigestContext = { key: KEY, groups, identity: 'content', windowSec: 60 };
const limits: FoldLimits = { windowSec: 60, latenessMs: 900_000, maxOldWindows: 2, maxLogBytes: 1_000_000 };

/** The present of these tests, and the windows around it. */
const NOW_SEC = 1_478_510_040;
const PRESENT = NOW_SEC - 60;
const OLD = [0, 60, 120, 180].map((sec) => NOW_SEC - 7_200 + sec);

const at = (sec: number, fields: Partial<TestEvent> = {}) => eventOf({ sec, ...fields });
const item = (id: string, lines: readonly (TestEvent | string)[]): FoldItem => {
  const entry = entryOf(id, lines);
  const digest = digestEntry(entry, how);
  return digest ? { entry, digest } : { entry };
};

let nonces = 0;
function plan(
  items: readonly FoldItem[],
  windows: readonly [number, KnownWindow][],
  fields: Partial<FoldContext> = {},
) {
  const nonce = () => Buffer.alloc(16, ++nonces);
  return planFold(items, new Map(windows), { limits, nowMs: NOW_SEC * 1000, openOldWindows: 0, nonce, ...fields });
}

/** A window as it stands after these events were folded. */
function open(startSec: number, events: readonly TestEvent[]): [number, KnownWindow] {
  const state = new WindowState(startSec);
  const [claim] = plan([item('0-1', events)], [[startSec, { kind: 'absent' }]]).windows;
  if (claim?.claim !== 'absent') throw new Error('the window did not open');
  state.replay(claim.delta.record, groups);
  return [startSec, { kind: 'open', state }];
}

const absent = (startSec: number): [number, KnownWindow] => [startSec, { kind: 'absent' }];
const sealed = (startSec: number): [number, KnownWindow] => [startSec, { kind: 'sealed' }];

function claims({ windows }: FoldPlan): [number, string, boolean][] {
  return windows.map((claim) => [claim.startSec, claim.claim, 'delta' in claim && claim.delta !== undefined]);
}

function dead({ deadLetters }: FoldPlan): [string, string, number, string][] {
  return deadLetters.map(({ entry, reason, lineCount, lines }) => [entry.id, reason, lineCount, lines.toString()]);
}

function books({ items, counted, duplicates, deadLetters }: FoldPlan) {
  const lines = items.reduce((sum, { entry }) => sum + entry.lineCount, 0);
  const deadLines = deadLetters.reduce((sum, { lineCount }) => sum + lineCount, 0);
  return { lines, told: counted + duplicates + deadLines };
}

describe('a fold of new events', () => {
  test('opens a window that was absent', () => {
    const made = plan([item('1-0', [at(PRESENT)])], [absent(PRESENT)]);
    expect(claims(made)).toEqual([[PRESENT, 'absent', true]]);
    expect(made).toMatchObject({ counted: 1, duplicates: 0, deadLetters: [] });
  });

  test('adds to an open window, and claims the version it rests on', () => {
    const [start, known] = open(PRESENT, [at(PRESENT)]);
    const made = plan([item('1-0', [at(PRESENT, { nanos: 5 })])], [[start, known]]);
    const [claim] = made.windows;
    if (claim?.claim !== 'open' || known.kind !== 'open') throw new Error('not open');
    expect(claim.version).toEqual(known.state.version);
    expect(claim.delta!.version.length).toBe(known.state.version.length + claim.delta!.record.length);
    expect(claim.state).toBe(known.state);
    expect(made).toMatchObject({ counted: 1, duplicates: 0 });
  });

  test('puts the lines of one entry into all the windows they fall in', () => {
    const made = plan(
      [item('1-0', [at(PRESENT), at(PRESENT - 60), at(PRESENT)])],
      [absent(PRESENT), absent(PRESENT - 60)],
    );
    expect(claims(made)).toEqual([
      [PRESENT, 'absent', true],
      [PRESENT - 60, 'absent', true],
    ]);
    expect(made).toMatchObject({ counted: 2, duplicates: 1 });
  });

  test('changes nothing of what is known', () => {
    const [start, known] = open(PRESENT, [at(PRESENT)]);
    if (known.kind !== 'open') throw new Error('not open');
    const before = { version: known.state.version, events: known.state.events };
    plan([item('1-0', [at(PRESENT, { nanos: 5 })])], [[start, known]]);
    expect({ version: known.state.version, events: known.state.events }).toEqual(before);
  });

  test('must not be planned for a window that nobody looked up', () => {
    expect(() => plan([item('1-0', [at(PRESENT)])], [])).toThrow('not looked up');
  });
});

describe('a fold of duplicates', () => {
  test('counts an event once that stands twice in one entry, or in two entries', () => {
    const twice = [at(PRESENT), at(PRESENT)];
    const made = plan([item('1-0', twice), item('2-0', twice)], [absent(PRESENT)]);
    expect(made).toMatchObject({ counted: 1, duplicates: 3, deadLetters: [] });
    expect(made.windows).toHaveLength(1);
  });

  test('claims the version of a window it adds nothing to', () => {
    const [start, known] = open(PRESENT, [at(PRESENT)]);
    const made = plan([item('1-0', [at(PRESENT)])], [[start, known]]);
    expect(claims(made)).toEqual([[PRESENT, 'open', false]]);
    expect(made.windows[0]).toMatchObject({ version: known.kind === 'open' && known.state.version, delta: undefined });
    expect(made).toMatchObject({ counted: 0, duplicates: 1 });
  });
});

describe('a late line', () => {
  test('becomes a dead letter, and its window’s seal a claim', () => {
    const made = plan([item('1-0', [at(PRESENT), at(OLD[0]!), at(OLD[0]!)])], [absent(PRESENT), sealed(OLD[0]!)]);
    expect(claims(made)).toEqual([
      [PRESENT, 'absent', true],
      [OLD[0], 'sealed', false],
    ]);
    const line = lineOf(at(OLD[0]!));
    expect(dead(made)).toEqual([['1-0', 'late', 2, `${line}\n${line}\n`]]);
    expect(made).toMatchObject({ counted: 1, duplicates: 0 });
  });

  test('is late also when it was counted before the seal', () => {
    const state = new WindowState(PRESENT);
    const made = plan([item('1-0', [at(PRESENT)])], [[PRESENT, { kind: 'sealed', state }]]);
    expect(dead(made)).toMatchObject([['1-0', 'late', 1, expect.any(String)]]);
  });
});

describe('an old window', () => {
  test('is one whose end is further back than lateness', () => {
    const edge = NOW_SEC - 900 - 60;
    expect(isOldWindow(edge, NOW_SEC * 1000, limits)).toBe(false);
    expect(isOldWindow(edge, NOW_SEC * 1000 + 1, limits)).toBe(true);
    expect(isOldWindow(edge - 60, NOW_SEC * 1000, limits)).toBe(true);
  });

  test('opens while there are fewer of them than may be; several in one fold count together', () => {
    const made = plan(
      [
        item(
          '1-0',
          OLD.slice(0, 3).map((sec) => at(sec)),
        ),
      ],
      OLD.slice(0, 3).map(absent),
    );
    expect(claims(made)).toEqual([
      [OLD[0], 'absent', true],
      [OLD[1], 'absent', true],
      [OLD[2], 'refused', false],
    ]);
    expect(dead(made)).toEqual([['1-0', 'too-many-windows', 1, `${lineOf(at(OLD[2]!))}\n`]]);
    expect(made).toMatchObject({ counted: 2, duplicates: 0 });
  });

  test('is refused when enough of them are open already', () => {
    const made = plan([item('1-0', [at(OLD[0]!)])], [absent(OLD[0]!)], { openOldWindows: 2 });
    expect(claims(made)).toEqual([[OLD[0], 'refused', false]]);
  });

  test('that is refused stays refused for the whole fold', () => {
    const items = [item('1-0', [at(OLD[0]!)]), item('2-0', [at(OLD[0]!, { nanos: 1 })])];
    const made = plan(items, [absent(OLD[0]!)], { openOldWindows: 2 });
    expect(claims(made)).toEqual([[OLD[0], 'refused', false]]);
    expect(dead(made).map(([id, reason]) => [id, reason])).toEqual([
      ['1-0', 'too-many-windows'],
      ['2-0', 'too-many-windows'],
    ]);
  });

  test('that is open already takes events whatever the bound', () => {
    const made = plan([item('1-0', [at(OLD[0]!, { nanos: 1 })])], [open(OLD[0]!, [at(OLD[0]!)])], {
      openOldWindows: 2,
    });
    expect(claims(made)).toEqual([[OLD[0], 'open', true]]);
    expect(made).toMatchObject({ counted: 1, deadLetters: [] });
  });

  test('takes no room from windows of the present', () => {
    const made = plan([item('1-0', [at(PRESENT)])], [absent(PRESENT)], { openOldWindows: 99 });
    expect(made).toMatchObject({ counted: 1, deadLetters: [] });
  });
});

describe('a full window', () => {
  const full = { limits: { ...limits, maxLogBytes: 1 } };

  test('takes no new event, and still knows a duplicate as one', () => {
    const window = open(PRESENT, [at(PRESENT)]);
    const fresh = at(PRESENT, { nanos: 1 });
    const made = plan([item('1-0', [at(PRESENT), fresh, at(PRESENT)])], [window], full);
    expect(claims(made)).toEqual([[PRESENT, 'open', false]]);
    expect(dead(made)).toEqual([['1-0', 'window-full', 1, `${lineOf(fresh)}\n`]]);
    expect(made).toMatchObject({ counted: 0, duplicates: 2 });
  });

  test('is full when its log is as long as it may be, not before', () => {
    const [start, known] = open(PRESENT, [at(PRESENT)]);
    if (known.kind !== 'open') throw new Error('not open');
    const { length } = known.state.version;
    const fold = (maxLogBytes: number) =>
      plan([item('1-0', [at(PRESENT, { nanos: 1 })])], [[start, known]], { limits: { ...limits, maxLogBytes } });
    expect(fold(length).counted).toBe(0);
    expect(fold(length + 1).counted).toBe(1);
  });
});

describe('what nobody can read', () => {
  test('line by line goes to the dead letters with the line, and the others count', () => {
    const made = plan([item('1-0', [at(PRESENT), 'no event', 'cpu usage=1 1'])], [absent(PRESENT)]);
    expect(dead(made)).toEqual([['1-0', 'unreadable', 2, 'no event\ncpu usage=1 1\n']]);
    expect(made.counted).toBe(1);
  });

  test('as a whole entry goes there with all it holds, and claims no window', () => {
    const entry = entryOf('1-0', ['line 1', 'line 2'], { lineCount: 5 });
    const made = plan([{ entry }], []);
    expect(dead(made)).toEqual([['1-0', 'unreadable', 5, 'line 1\nline 2\n']]);
    expect(made).toMatchObject({ windows: [], counted: 0, duplicates: 0 });
  });

  test('touches no window', () => {
    expect([
      ...windowsTouched([{ entry: entryOf('1-0', ['x']) }, item('2-0', [at(PRESENT), at(OLD[0]!), 'x'])]),
    ]).toEqual([PRESENT, OLD[0]]);
  });
});

describe('the books of a fold', () => {
  test('tell of every line exactly once, whatever becomes of it', () => {
    const lines = [at(PRESENT), at(PRESENT), 'broken', at(OLD[0]!), at(OLD[1]!), at(OLD[2]!), at(OLD[3]!)];
    const made = plan(
      [item('1-0', lines), item('2-0', lines), { entry: entryOf('3-0', lines) }],
      [open(PRESENT, [at(PRESENT)]), sealed(OLD[0]!), absent(OLD[1]!), absent(OLD[2]!), absent(OLD[3]!)],
    );
    expect(books(made)).toEqual({ lines: 21, told: 21 });
    expect(made).toMatchObject({ counted: 2, duplicates: 6 });
  });

  test('hold one dead letter per entry and reason', () => {
    const lines = [at(OLD[0]!), 'broken', at(OLD[1]!), at(OLD[0]!), 'broken'];
    const made = plan([item('1-0', lines), item('2-0', lines)], [sealed(OLD[0]!), absent(OLD[1]!)], {
      openOldWindows: 2,
    });
    expect(dead(made).map(([id, reason, count]) => [id, reason, count])).toEqual([
      ['1-0', 'late', 2],
      ['1-0', 'too-many-windows', 1],
      ['1-0', 'unreadable', 2],
      ['2-0', 'late', 2],
      ['2-0', 'too-many-windows', 1],
      ['2-0', 'unreadable', 2],
    ]);
  });

  test('claim every window that any line falls in', () => {
    const lines = [at(PRESENT), at(PRESENT - 60), at(OLD[0]!), at(OLD[1]!)];
    const windows = [open(PRESENT, [at(PRESENT)]), absent(PRESENT - 60), sealed(OLD[0]!), absent(OLD[1]!)];
    const made = plan([item('1-0', lines)], windows, { openOldWindows: 2 });
    expect(claims(made)).toEqual([
      [PRESENT, 'open', false],
      [PRESENT - 60, 'absent', true],
      [OLD[0], 'sealed', false],
      [OLD[1], 'refused', false],
    ]);
  });
});
