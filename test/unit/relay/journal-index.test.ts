import { type Incarnation, JournalIndex } from '@weir/relay/journal-index';
import fc from 'fast-check';

const HEAD = { relayId: 'az1', incarnation: '0011223344556677' };

/** Segments, oldest first, each with the sequences it holds of partition 0. */
function indexOf(...segments: number[][]): { index: JournalIndex; own: Incarnation } {
  const index = new JournalIndex();
  const own = index.incarnation(HEAD);
  segments.forEach((sequences, i) => {
    const segment = index.addSegment(String(i), own, 10, 0);
    for (const sequence of sequences) {
      index.addRecord(segment, { partition: 0, sequence, receivedMs: 0, position: segment.bytes, bytes: 100 });
    }
  });
  return { index, own };
}

const found = ({ index, own }: ReturnType<typeof indexOf>, sequence: number) => {
  const place = index.locate(own, 0, sequence);
  return place && [place.segment.name, place.sequence];
};

describe('a record is looked for', () => {
  test('from its sequence on', () => {
    const it = indexOf([1, 2], [3, 4]);
    expect([1, 2, 3, 4, 5].map((sequence) => found(it, sequence)?.[1])).toEqual([1, 2, 3, 4, undefined]);
    expect(found(indexOf([3], [7]), 1)).toEqual(['0', 3]);
    expect(found(indexOf([3], [7]), 4)).toEqual(['1', 7]);
  });

  test('in the later of two segments that hold it: it was written anew there', () => {
    expect(found(indexOf([1, 2], [1, 2]), 2)).toEqual(['1', 2]);
  });

  test('in the earlier one where writing it anew came to an early end', () => {
    expect(found(indexOf([1, 2, 3, 4], [1]), 3)).toEqual(['0', 3]);
  });

  test('in all segments, for what was written anew stands behind what came after it', () => {
    const it = indexOf([5], [6], [2], [3], [4], [5]);
    expect([1, 2, 3, 4, 5, 6].map((sequence) => found(it, sequence)?.[1])).toEqual([2, 2, 3, 4, 5, 6]);
  });

  test('past those that turned out unreadable, in another segment first', () => {
    const it = indexOf([1, 2, 3], [1, 2, 3]);
    it.index.segments[1]!.unreadable.add('0:2');
    expect(found(it, 2)).toEqual(['0', 2]);
    it.index.segments[0]!.unreadable.add('0:2');
    expect(found(it, 2)).toEqual(['1', 3]);
  });

  test('of its own incarnation and partition only', () => {
    const { index, own } = indexOf([1]);
    expect(index.locate(index.incarnation({ ...HEAD, incarnation: 'ffffffffffffffff' }), 0, 1)).toBeUndefined();
    expect(index.locate(own, 1, 1)).toBeUndefined();
  });

  test('and found like in a list of all of them, whatever was written anew and dropped', () => {
    const run = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4 }));
    fc.assert(
      fc.property(fc.array(run, { maxLength: 8 }), fc.integer({ min: 1, max: 12 }), (runs, sequence) => {
        const segments = runs.map(([first, count]) => Array.from({ length: count }, (_, i) => first + i));
        const next = Math.min(...segments.flat().filter((each) => each >= sequence));
        const at = segments.map((sequences) => sequences.includes(next)).lastIndexOf(true);
        expect(found(indexOf(...segments), sequence)).toEqual(at < 0 ? undefined : [String(at), next]);
      }),
    );
  });
});
