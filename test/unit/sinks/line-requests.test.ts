import { BYTES_PER_REQUEST, inRequests, LINES_PER_REQUEST, runsOn } from '@weir/sinks/line-requests';
import fc from 'fast-check';

const T = '1478507520000000000';

function requests(lines: readonly string[]): string[][] {
  return [...inRequests(lines.map((line) => ({ line })))].map((request) => request.map(({ line }) => line));
}

describe('a line that InfluxDB takes for longer than it is', () => {
  test.each([
    ['has a quote that is never closed', `m f="abc ${T}`],
    ['has a quote behind a backslash and a space in a tag', `m,t=\\\\ \\\\=" f=1 ${T}`],
    ['ends with a backslash', `m f=1 ${T}\\`],
    ['ends with three', `m f=1 ${T}\\\\\\`],
    ['escapes its closing quote', `m f="a\\" ${T}`],
    ['has a quote too many', `m f="a"b" ${T}`],
    ['has a quote behind its timestamp', `m f=1 ${T} "`],
  ])('%s', (_, line) => {
    expect(runsOn(line)).toBe(true);
  });

  test.each([
    ['quotes are closed', `m f="a b",g="c" ${T}`],
    ['quotes are escaped', `m f="a \\" b" ${T}`],
    ['a quote stands in a tag', `m,t=a" f=1 ${T}`],
    ['a quote stands in a field name', `m "f=1 ${T}`],
    ['a quote stands inside a bare value of the key', `m,t=a\\ b" f="x" ${T}`],
    ['it ends with two backslashes', `m f=1 ${T}\\\\`],
    ['the text ends with an escaped backslash', `m f="a\\\\" ${T}`],
  ])('is not one whose %s', (_, line) => {
    expect(runsOn(line)).toBe(false);
  });
});

describe('requests', () => {
  test('hold so many lines and bytes and no more, in order', () => {
    const line = fc.integer({ min: 1, max: 300_000 }).map((length) => 'é'.repeat(length));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const all = requests(lines);
        expect(all.flat()).toEqual(lines);
        for (const request of all) {
          const bytes = Buffer.byteLength(request.join('\n'));
          expect(bytes).toBeLessThanOrEqual(BYTES_PER_REQUEST);
        }
        // None could have taken the first line of the next.
        for (let at = 1; at < all.length; at++) {
          const larger = [...all[at - 1]!, all[at]![0]!].join('\n');
          expect(Buffer.byteLength(larger) + 1).toBeGreaterThan(BYTES_PER_REQUEST);
        }
      }),
      { numRuns: 20 },
    );
    const many = Array.from({ length: 2 * LINES_PER_REQUEST + 1 }, (_, at) => `m f=${at}`);
    expect(requests(many).map((request) => request.length)).toEqual([LINES_PER_REQUEST, LINES_PER_REQUEST, 1]);
  });

  test('take a line that is too large for any by itself', () => {
    const large = 'x'.repeat(BYTES_PER_REQUEST + 1);
    expect(requests(['a', large, 'b'])).toEqual([['a'], [large], ['b']]);
  });

  test('end with a line that InfluxDB takes for longer than it is', () => {
    expect(requests(['a', 'm f="x 1', 'b', 'c', 'm f="y 2', 'm f="z 3'])).toEqual([
      ['a', 'm f="x 1'],
      ['b', 'c', 'm f="y 2'],
      ['m f="z 3'],
    ]);
  });

  test('are none where there are no lines', () => {
    expect(requests([])).toEqual([]);
  });
});
