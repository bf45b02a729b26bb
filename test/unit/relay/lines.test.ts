import type { LineScanner, Precision, Span } from '@weir/common/line-protocol';
import { Stamps } from '@weir/common/stamps';
import { LineReader, type LineTaker } from '@weir/relay/lines';

const NOW_MS = 1_478_507_534_415;

/** Writes down what it is given, as the line that would end up in a batch. */
class Notebook implements LineTaker {
  readonly lines: string[] = [];

  take(source: Buffer, start: number, end: number, _: LineScanner, lineNumber: number): void {
    this.lines.push(`${lineNumber}: ${source.toString('utf8', start, end)}`);
  }

  takeStamped(
    source: Buffer,
    start: number,
    end: number,
    sec: number,
    nanos: number,
    _: LineScanner,
    lineNumber: number,
  ): void {
    const nanoseconds = BigInt(sec) * 1_000_000_000n + BigInt(nanos);
    this.lines.push(`${lineNumber}: ${source.toString('utf8', start, end)} ${nanoseconds}`);
  }
}

/** Keeps what it is given: no line may cost a copy of its body. */
class Sources implements LineTaker {
  readonly sources: Buffer[] = [];

  take(source: Buffer): void {
    this.sources.push(source);
  }

  takeStamped(source: Buffer): void {
    this.sources.push(source);
  }
}

function read(body: string | Buffer, precision: Precision = 'ns') {
  const notebook = new Notebook();
  const result = new LineReader(new Stamps(7)).read(Buffer.from(body), precision, NOW_MS, { events: notebook });
  return { ...result, lines: notebook.lines };
}

const good = 'event_type=a,product=b value=u 5';

test('good lines are taken as they are, without the spaces around them', () => {
  expect(read(`${good}\n  ${good}  \r\n\n# comment\n${good}`)).toMatchObject({
    accepted: 3,
    rejected: 0,
    lines: [`1: ${good}`, `2: ${good}`, `5: ${good}`],
  });
});

test.each(['', '\n', '\n\r\n  \n#\n'])('a body without lines has none: %j', (body) => {
  expect(read(body)).toMatchObject({ accepted: 0, rejected: 0, rejections: [], lines: [] });
});

test('timestamps become nanoseconds', () => {
  expect(read('event_type=a,product=b value=u   1478507534  ', 's').lines).toEqual([
    '1: event_type=a,product=b value=u 1478507534000000000',
  ]);
});

test('a line without a timestamp gets the present, each its own', () => {
  expect(read('event_type=a,product=b value=u\nevent_type=a,product=b value=u ', 's').lines).toEqual([
    '1: event_type=a,product=b value=u 1478507534415000007',
    '2: event_type=a,product=b value=u 1478507534415001007',
  ]);
});

test('bad lines are rejected one by one, with number and reason, and their neighbours kept', () => {
  const body = [good, 'half,a li', '', good, 'cpu usage=1', 'event_type=a,product=b value=u\0', good].join('\n');
  expect(read(body)).toEqual({
    accepted: 3,
    others: 0,
    rejected: 3,
    rejections: [
      { line: 2, reason: 'syntax', detail: expect.any(String) },
      { line: 5, reason: 'other-line', detail: expect.any(String) },
      { line: 6, reason: 'control-character', detail: expect.any(String) },
    ],
    byReason: new Map([
      ['syntax', 1],
      ['other-line', 1],
      ['control-character', 1],
    ]),
    lines: [`1: ${good}`, `4: ${good}`, `7: ${good}`],
  });
});

test('a timestamp may be five minutes ahead and no more', () => {
  const at = (ms: number) => `event_type=a,product=b value=u ${ms}`;
  expect(read(at(NOW_MS + 300_000), 'ms')).toMatchObject({ accepted: 1 });
  expect(read(at(NOW_MS + 300_001), 'ms').rejections).toEqual([
    { line: 1, reason: 'future', detail: 'the timestamp is more than 5 minutes ahead' },
  ]);
  expect(read(at(0), 'ms')).toMatchObject({ accepted: 1 });
  expect(read(at(-1), 'ms').rejections).toMatchObject([{ reason: 'past' }]);
});

test('of many bad lines the first thousand are told and all are counted', () => {
  const { rejected, rejections, byReason } = read('bad\n'.repeat(1050));
  expect(rejected).toBe(1050);
  expect(rejections.map(({ line }) => line)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
  expect(byReason.get('syntax')).toBe(1050);
});

test('one huge line is one rejected line', () => {
  const body = Buffer.alloc(10_000_000, 'x');
  expect(read(Buffer.concat([body, Buffer.from(`\n${good}`)]))).toMatchObject({
    accepted: 1,
    rejections: [{ line: 1, reason: 'too-long' }],
  });
});

test('what one body brought is forgotten at the next', () => {
  const reader = new LineReader(new Stamps(7));
  reader.read(Buffer.from('bad'), 'ns', NOW_MS, { events: new Notebook() });
  expect(reader.read(Buffer.from(good), 'ns', NOW_MS, { events: new Notebook() })).toMatchObject({
    accepted: 1,
    rejected: 0,
  });
});

describe('other lines', () => {
  function readBoth(body: string, precision: Precision = 'ns') {
    const [events, others] = [new Notebook(), new Notebook()];
    const result = new LineReader(new Stamps(7)).read(Buffer.from(body), precision, NOW_MS, { events, others });
    return { ...result, events: events.lines, otherLines: others.lines };
  }

  test('go their own way, and are no events', () => {
    expect(readBoth(`cpu,host=a usage=1i,name="x y" 17\n${good}\nbad\n  mem free=2 18  `)).toMatchObject({
      accepted: 1,
      others: 2,
      rejected: 1,
      events: [`2: ${good}`],
      otherLines: ['1: cpu,host=a usage=1i,name="x y" 17', '4: mem free=2 18'],
    });
  });

  test('get the present where they say no time, each its own', () => {
    expect(readBoth('cpu usage=1\ncpu usage=1').otherLines).toEqual([
      '1: cpu usage=1 1478507534415000007',
      '2: cpu usage=1 1478507534415001007',
    ]);
  });

  test.each<[Precision, string, string]>([
    ['ns', '-17', '-17'],
    ['ns', '9223372036854775806', '9223372036854775806'],
    ['ms', '1478507534415', '1478507534415000000'],
    ['ms', '-1', '-1000000'],
    ['u', '-1000001', '-1000001000'],
    ['h', '-1', '-3600000000000'],
    ['s', '9223372036', '9223372036000000000'],
  ])('in %s may be of any time, and %s is %s nanoseconds', (precision, timestamp, expected) => {
    expect(readBoth(`cpu usage=1 ${timestamp}`, precision)).toMatchObject({
      others: 1,
      rejected: 0,
      otherLines: [`1: cpu usage=1 ${expected}`],
    });
  });
});

test('a time before 1970 costs no more than another, in however large a body', () => {
  const taken = { events: new Sources(), others: new Sources() };
  const body = Buffer.from('cpu usage=1 -1\nevent_type=a,product=b value=u 1\ncpu usage=1 1\n'.repeat(100));
  new LineReader(new Stamps(7)).read(body, 's', NOW_MS, taken);
  expect([...taken.events.sources, ...taken.others.sources].every((source) => source === body)).toBe(true);
  expect(taken.others.sources).toHaveLength(200);
});

test('of a token with products only their events are taken', () => {
  const [events, others] = [new Notebook(), new Notebook()];
  const products = { allows: (product: Span) => product.toString() === 'b' };
  const body = `${good}\nevent_type=a,product=c value=u 5\ncpu usage=1 5\n# comment\nm,product=b,event_type=a value="u" 6`;
  const takers = { events, others, products };
  const read = new LineReader(new Stamps(7)).read(Buffer.from(body), 'ns', NOW_MS, takers);
  expect(read.rejections.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
    '2: forbidden-product',
    '3: forbidden-product',
  ]);
  expect(events.lines).toEqual([`1: ${good}`, '5: m,product=b,event_type=a value="u" 6']);
  expect(others.lines).toEqual([]);
});

test('an other line that bears the name of a total is rejected, one that only begins like it is not', () => {
  const others = new Notebook();
  const lines = [
    'cumulative_user_event,event_type=a,product=b value=1 5',
    'unique_user_event value=1 5',
    '  unique_user_event,a=b value=1i',
    'unique_user_events value=1 5',
    'm,x=unique_user_event value=1 5',
    'cumulative_user_event,event_type=a,product=b value="u" 5',
  ];
  const takers = { events: new Notebook(), others };
  const read = new LineReader(new Stamps(7)).read(Buffer.from(lines.join('\n')), 'ns', NOW_MS, takers);
  expect(read.rejections.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
    '1: reserved-name',
    '2: reserved-name',
    '3: reserved-name',
  ]);
  expect(others.lines).toEqual([`4: ${lines[3]}`, `5: ${lines[4]}`]);
  expect(read.accepted).toBe(1);
});
