import { digestEntry } from '@weir/aggregator/digest';
import { GroupTable } from '@weir/aggregator/group-table';
import { encodeRecord, NO_VERSION } from '@weir/aggregator/log-codec';
import { DeltaBuilder, type WindowDelta, WindowState } from '@weir/aggregator/window-state';
import fc from 'fast-check';
import { entryOf, type TestEvent } from '../../support/event-lines.ts';
import { groupKey, TotalsOracle } from '../../support/totals-oracle.ts';

const KEY = { k0: 7, k1: 9 };
const WINDOW_SEC = 3600;
let nonces = 0;

function nonce(): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(++nonces, 0);
  return bytes;
}

/** What one fold of these events would add; also says of each event whether it was new. */
function collect(state: WindowState, events: readonly TestEvent[], groups: GroupTable) {
  const digest = digestEntry(entryOf('1-0', events), { key: KEY, groups, identity: 'content', windowSec: WINDOW_SEC })!;
  const builder = new DeltaBuilder(state);
  const fresh = events.map((_, i) =>
    builder.add(digest.group[i]!, digest.identityHi[i]!, digest.identityLo[i]!, digest.userHi[i]!, digest.userLo[i]!),
  );
  return { builder, fresh, digest };
}

function totals(state: WindowState): Map<string, { events: number; users: number }> {
  return new Map(
    state.groups.map(({ group, events, users }) => [groupKey(0, group.eventType, group.product), { events, users }]),
  );
}

const name = fc.constantFrom('a', 'b', '__proto__', 'a b', '🦦');
const anEvent: fc.Arbitrary<TestEvent> = fc.record({
  eventType: name,
  product: name,
  username: fc.constantFrom('u1', 'u2', 'u3', '__proto__'),
  sec: fc.constantFrom(1, 2, 3),
  nanos: fc.constantFrom(0, 1),
});
const folds = fc.array(fc.array(anEvent, { minLength: 1, maxLength: 15 }), { minLength: 1, maxLength: 8 });

/** Folds batch after batch, each confirmed before the next; gives the log as Redis would hold it. */
function foldAll(batches: readonly (readonly TestEvent[])[], groups: GroupTable) {
  const state = new WindowState(0);
  const deltas: WindowDelta[] = [];
  const oracle = new TotalsOracle(WINDOW_SEC);
  const fresh: boolean[] = [];
  const expected: boolean[] = [];
  for (const batch of batches) {
    const collected = collect(state, batch, groups);
    fresh.push(...collected.fresh);
    expected.push(...batch.map((event) => oracle.add(event)));
    const delta = collected.builder.build(nonce());
    if (!delta) continue;
    deltas.push(delta);
    state.confirm(delta, groups);
    expect(state.version).toEqual(delta.version);
  }
  return { state, deltas, oracle, fresh, expected, log: Buffer.concat(deltas.map(({ record }) => record)) };
}

describe('a window’s state', () => {
  test('comes to the totals of a Map and Sets, and calls the same events new', () => {
    fc.assert(
      fc.property(folds, (batches) => {
        const { state, oracle, fresh, expected } = foldAll(batches, new GroupTable(KEY));
        expect(totals(state)).toEqual(oracle.totals);
        expect(fresh).toEqual(expected);
        expect(state.events).toBe(expected.filter(Boolean).length);
      }),
    );
  });

  test('replayed from its log is the state that wrote it, version included', () => {
    fc.assert(
      fc.property(folds, (batches) => {
        const { state, log } = foldAll(batches, new GroupTable(KEY));
        const groups = new GroupTable(KEY);
        const replayed = new WindowState(0);
        expect(replayed.replay(log, groups)).toBe(log.length);
        expect(replayed.version).toEqual(state.version);
        expect(replayed.version.length).toBe(log.length);
        expect(totals(replayed)).toEqual(totals(state));
        const again = batches.flat();
        expect(collect(replayed, again, groups).fresh).toEqual(again.map(() => false));
      }),
    );
  });

  test('replayed in pieces cut anywhere takes whole records and says how many bytes they were', () => {
    fc.assert(
      fc.property(folds, fc.integer({ min: 1, max: 200 }), (batches, pieceBytes) => {
        const { state, log, deltas } = foldAll(batches, new GroupTable(KEY));
        const ends = new Set([0]);
        for (const { version } of deltas) ends.add(version.length);
        const groups = new GroupTable(KEY);
        const replayed = new WindowState(0);
        let size = pieceBytes;
        while (replayed.version.length < log.length) {
          const at = replayed.version.length;
          const taken = replayed.replay(log.subarray(at, at + size), groups);
          expect(replayed.version.length).toBe(at + taken);
          expect(ends.has(replayed.version.length)).toBe(true);
          size += pieceBytes;
        }
        expect(replayed.version).toEqual(state.version);
        expect(totals(replayed)).toEqual(totals(state));
      }),
    );
  });

  test('knows its groups by name when the table of groups forgets and makes new objects of old names', () => {
    fc.assert(
      fc.property(folds, (batches) => {
        const { state, oracle, fresh, expected } = foldAll(batches, new GroupTable(KEY, 1));
        expect(totals(state)).toEqual(oracle.totals);
        expect(state.groups).toHaveLength(oracle.totals.size);
        expect(fresh).toEqual(expected);
      }),
    );
  });

  test('holds nothing and has no version before its first record', () => {
    const state = new WindowState(60);
    expect(state).toMatchObject({ startSec: 60, version: NO_VERSION, groups: [], events: 0 });
    expect(state.replay(Buffer.alloc(0), new GroupTable(KEY))).toBe(0);
  });

  test('grows in memory with what it holds', () => {
    const state = new WindowState(0);
    const before = state.bytes;
    const groups = new GroupTable(KEY);
    const events = Array.from(
      { length: 1_000 },
      (_, i): TestEvent => ({ eventType: 'e', product: 'p', username: `u${i}`, sec: 1 }),
    );
    state.replay(collect(state, events, groups).builder.build(nonce())!.record, groups);
    expect(state.bytes - before).toBeGreaterThan(2 * 8 * 1_000);
  });

  test('does not take a log that names a group it never brought', () => {
    const record = encodeRecord(
      {
        newGroups: [],
        sections: [{ group: 0, events: 0, users: 0 }],
        identities: new Uint32Array(),
        users: new Uint32Array(),
      },
      nonce(),
    );
    expect(() => new WindowState(0).replay(record, new GroupTable(KEY))).toThrow(RangeError);
  });
});

describe('a delta', () => {
  const event = (fields: Partial<TestEvent> = {}): TestEvent => ({
    eventType: 'e',
    product: 'p',
    username: 'u',
    sec: 1,
    ...fields,
  });

  test('changes nothing that is told of the state until it is confirmed', () => {
    const groups = new GroupTable(KEY);
    const state = new WindowState(0);
    const { builder, digest } = collect(state, [event()], groups);
    const delta = builder.build(nonce())!;
    expect(state).toMatchObject({ version: NO_VERSION, events: 0, groups: [] });
    expect(state.groupPosition(digest.group[0]!)).toBe(-1);
    state.confirm(delta, groups);
    expect(state.version).toEqual(delta.version);
    expect(state.counted(digest.identityHi[0]!, digest.identityLo[0]!)).toBe(true);
    expect(state.groups).toMatchObject([{ events: 1, users: 1 }]);
    expect(state.groupPosition(digest.group[0]!)).toBe(0);
  });

  test('that is not confirmed leaves nothing behind, whatever comes instead', () => {
    const instead = fc.constantFrom('confirmed', 'abandoned', 'another first', 'seen in the log');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(anEvent, { maxLength: 15 }), instead), { maxLength: 10 }), (rounds) => {
        const groups = new GroupTable(KEY);
        const state = new WindowState(0);
        const oracle = new TotalsOracle(WINDOW_SEC);
        for (const [batch, what] of rounds) {
          const delta = collect(state, batch, groups).builder.build(nonce());
          if (!delta || what === 'abandoned') continue;
          // Its confirmation was waited for in vain, another was tried, and then it stood there after all.
          if (what === 'another first')
            collect(state, [event({ eventType: 'x' }), ...batch], groups).builder.build(nonce());
          if (what === 'seen in the log') state.replay(delta.record, groups);
          else state.confirm(delta, groups);
          for (const one of batch) oracle.add(one);
          expect(state.version).toEqual(delta.version);
          expect(totals(state)).toEqual(oracle.totals);
        }
        const all = rounds.flatMap(([batch]) => batch);
        expect(collect(state, all, groups).fresh).toEqual(all.map((one) => oracle.add(one)));
      }),
    );
  });

  test('takes an event once, however often it stands in the fold', () => {
    const { builder, fresh } = collect(
      new WindowState(0),
      [event(), event(), event({ nanos: 1 }), event()],
      new GroupTable(KEY),
    );
    expect(fresh).toEqual([true, false, true, false]);
    expect(builder.events).toBe(2);
    expect(builder.build(nonce())).toMatchObject({ events: 2 });
  });

  test('says of an event whether it is a duplicate without taking it in', () => {
    const groups = new GroupTable(KEY);
    const state = new WindowState(0);
    state.confirm(collect(state, [event()], groups).builder.build(nonce())!, groups);
    const { builder, digest } = collect(state, [event(), event({ nanos: 1 })], groups);
    const third = collect(new WindowState(0), [event({ nanos: 2 })], groups).digest;
    const duplicate = (made: typeof digest, i: number) => builder.isDuplicate(made.identityHi[i]!, made.identityLo[i]!);
    expect([duplicate(digest, 0), duplicate(digest, 1), duplicate(third, 0), duplicate(third, 0)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(builder.events).toBe(1);
  });

  test('is none where nothing is new: the version stays', () => {
    const groups = new GroupTable(KEY);
    const state = new WindowState(0);
    state.confirm(collect(state, [event()], groups).builder.build(nonce())!, groups);
    expect(collect(state, [event(), event()], groups).builder.build(nonce())).toBeUndefined();
  });

  test('leads to a version that is longer by its record and ends with its nonce', () => {
    const groups = new GroupTable(KEY);
    const state = new WindowState(0);
    const first = collect(state, [event()], groups).builder.build(nonce())!;
    expect(first.version.length).toBe(first.record.length);
    state.replay(first.record, groups);
    const last = nonce();
    const second = collect(state, [event({ sec: 2 })], groups).builder.build(last)!;
    expect(second.version).toEqual({ length: first.record.length + second.record.length, nonce: last.toString('hex') });
  });

  test('of the same events has another version every time: nonces are fresh', () => {
    const build = () => collect(new WindowState(0), [event()], new GroupTable(KEY)).builder.build(nonce())!.version;
    const [first, second] = [build(), build()];
    expect(first.length).toBe(second.length);
    expect(first.nonce).not.toBe(second.nonce);
  });
});
