import { LinePreparer } from '@weir/cli/sending/prepare-lines';
import type { Precision } from '@weir/common/line-protocol';
import { Stamps } from '@weir/common/stamps';

const NOW_MS = 1_478_507_534_415.525;
const lines = (...texts: string[]) => Buffer.from(texts.map((text) => `${text}\n`).join(''));

function prepare(text: Buffer, precision: Precision = 'ns', stamp = true) {
  const made = new LinePreparer({ precision, stamps: stamp ? new Stamps(7) : undefined }).prepare(text, NOW_MS);
  return { ...made, bytes: made.bytes.toString() };
}

test('lines with timestamps in nanoseconds are sent as they are, without a copy', () => {
  const text = lines('event_type=a,product=p value=u 1478507534415525888', '# said by nobody', '', 'cpu load=1 12');
  const made = new LinePreparer({ precision: 'ns', stamps: new Stamps(7) }).prepare(text, NOW_MS);
  expect(made).toEqual({ bytes: text, lines: 2, withoutTimestamp: 0, rejections: [] });
  expect(made.bytes).toBe(text);
});

test('a line without a timestamp gets one of its own, where one belongs', () => {
  const text = lines('event_type=a,product=p value=u', 'event_type=a,product=p value=u \r', 'cpu load=1');
  expect(prepare(text)).toEqual({
    bytes: lines(
      'event_type=a,product=p value=u 1478507534415525007',
      'event_type=a,product=p value=u 1478507534415526007 \r',
      'cpu load=1 1478507534415527007',
    ).toString(),
    lines: 3,
    withoutTimestamp: 3,
    rejections: [],
  });
});

test('without stamps it keeps none', () => {
  const text = lines('event_type=a,product=p value=u');
  expect(prepare(text, 'ns', false)).toMatchObject({ bytes: text.toString(), withoutTimestamp: 1 });
});

test.each([
  ['s', '1478507534', '1478507534000000000'],
  ['ms', '1478507534415', '1478507534415000000'],
  ['us', '1478507534415525', '1478507534415525000'],
  ['h', '2', '7200000000000'],
] as const)('timestamps in %s become nanoseconds', (precision, given, wanted) => {
  const made = prepare(lines(`event_type=a,product=p value=u ${given}`, `cpu load=1 -${given}`), precision);
  expect(made.bytes).toBe(lines(`event_type=a,product=p value=u ${wanted}`, `cpu load=1 -${wanted}`).toString());
});

test('what no relay would take is an empty line, and the others keep their numbers', () => {
  const made = prepare(lines('event_type=a', 'event_type=a,product=p value=u 12', 'x y z w'), 's');
  expect(made.bytes).toBe('\nevent_type=a,product=p value=u 12000000000\n\n');
  expect(made.rejections.map(({ line }) => line)).toEqual([1, 3]);
  expect(made.lines).toBe(1);
});

const json = (event: object) => JSON.stringify({ event_type: 'a', product: 'p q', username: 'u "1"', ...event });

test('a JSON event becomes the line that means the same, between other lines and in any precision', () => {
  const line = 'event_type=a,product=p value=u 1478507534';
  const made = prepare(lines(`\ufeff${json({ timestamp: '1478507534' })}`, line, '', `  ${json({ id: 'x' })} \r`), 's');
  expect(made).toEqual({
    bytes: lines(
      'event_type=a,product=p\\ q value="u \\"1\\"" 1478507534000000000',
      'event_type=a,product=p value=u 1478507534000000000',
      '',
      'event_type=a,product=p\\ q value="u \\"1\\"",id="x" 1478507534415525007',
    ).toString(),
    lines: 3,
    withoutTimestamp: 1,
    rejections: [],
  });
});

test('JSON that is no event is an empty line, in the order of the input', () => {
  const made = prepare(
    lines(
      json({}).slice(0, -1),
      'event_type=a',
      `${json({})} 1`,
      `[${json({})}]`,
      json({ product: 1 }),
      json({ timestamp: 7 }),
    ),
  );
  expect(made.bytes).toBe('\n\n\n\n\nevent_type=a,product=p\\ q value="u \\"1\\"" 7\n');
  expect(made.rejections.map(({ line, detail }) => `${line} ${detail}`)).toEqual([
    expect.stringMatching(/^1 broken JSON: .*, at byte \d+$/),
    expect.stringMatching(/^2 /),
    expect.stringMatching(/^3 something stands behind the object/),
    '4 an array; expected one JSON event on each line',
    '5 product is no string',
  ]);
});

test('told so, all is JSON or none is', () => {
  const text = lines('{a} load=1 12', 'cpu load=1 12');
  const madeAs = (format: 'lines' | 'json') =>
    new LinePreparer({ precision: 'ns', format, stamps: undefined }).prepare(text, NOW_MS);
  expect(madeAs('lines').lines).toBe(2);
  expect(madeAs('json').rejections.map(({ line }) => line)).toEqual([1, 2]);
});
