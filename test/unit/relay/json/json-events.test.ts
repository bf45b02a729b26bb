import { digestEntry } from '@weir/aggregator/digest';
import { GroupTable } from '@weir/aggregator/group-table';
import { LINE, LineScanner } from '@weir/common/line-protocol';
import { EventTranslator, looksLikeJson, mergeRead, type TranslatedEvents } from '@weir/relay/json/json-events';
import { MAX_REJECTIONS } from '@weir/relay/lines';
import fc from 'fast-check';
import { entryOf, lineOf, type TestEvent, timestamp } from '../../../support/event-lines.ts';

const translator = new EventTranslator();

function translate(body: string | Buffer): TranslatedEvents & { text: string } {
  const translated = translator.translate(Buffer.from(body));
  if ('broken' in translated) throw new Error(translated.broken);
  return { ...translated, text: translated.lines.toString() };
}

const rejectedOf = (body: string | Buffer) =>
  translate(body).rejections.map(({ line, reason, detail }) => `${line}: ${reason}: ${detail}`);

const event = '{"event_type":"a","product":"b","username":"u","timestamp":"5"}';
const line = 'event_type=a,product=b value="u" 5\n';

describe('a body', () => {
  test.each([
    ['of one object', event],
    ['of one object over several lines', `\n${JSON.stringify(JSON.parse(event), undefined, '\t')}\n`],
    ['of an array', ` [ ${event} ] \n`],
    ['of one line', `${event}\n`],
    ['with a byte order mark', `\ufeff${event}`],
  ])('%s is its line', (_, body) => {
    expect(translate(body)).toMatchObject({ text: line, rejected: 0, rejections: [] });
    expect(looksLikeJson(Buffer.from(body))).toBe(true);
  });

  test.each(['', ' \n', '\ufeff', '[]', ' [ ] '])('without events has no lines: %j', (body) => {
    expect(translate(body)).toMatchObject({ text: '', rejected: 0 });
  });

  test('of an array or of lines is the lines of its events', () => {
    expect(translate(`[${event},\n${event} , ${event}]`).text).toBe(line.repeat(3));
    expect(translate(`${event}\r\n\n  ${event} \n${event}`).text).toBe(line.repeat(3));
  });

  test('of lines is no JSON by its looks', () => {
    for (const body of [line, 'm,a=b c=1', '', '#{', '"x"']) expect(looksLikeJson(Buffer.from(body))).toBe(false);
  });
});

describe('an event', () => {
  test('has its keys in any order, and others besides that are skipped', () => {
    const body =
      '{"x":[1,{"event_type":"no"}],"timestamp":1478507534415525888,"username":"u v","product":"b","event_type":"a",' +
      '"id":"7 \\"f\\"","y":-1.5e300,"z":null}';
    expect(translate(body).text).toBe('event_type=a,product=b value="u v",id="7 \\"f\\"" 1478507534415525888\n');
  });

  test('has a timestamp of any size, as a string or an integer, digit by digit', () => {
    const at = (timestamp: string) =>
      translate(`{"event_type":"a","product":"b","username":"u","timestamp":${timestamp}}`).text.slice(33, -1);
    for (const digits of ['0', '1478507534415525888', '9223372036854775807', '1'.repeat(400), '-5']) {
      expect(at(digits)).toBe(digits);
      expect(at(`"${digits}"`)).toBe(digits);
    }
  });

  test('may lack timestamp and id, or have null there', () => {
    const without = 'event_type=a,product=b value="u"\n';
    expect(translate('{"event_type":"a","product":"b","username":"u"}').text).toBe(without);
    const nulls = '{"event_type":"a","product":"b","username":"u","timestamp":null,"id":null}';
    expect(translate(nulls).text).toBe(without);
  });

  test('may have an empty id, which is an id', () => {
    expect(translate('{"event_type":"a","product":"b","username":"u","id":""}').text).toBe(
      'event_type=a,product=b value="u",id=""\n',
    );
  });

  test('may write its keys with escapes', () => {
    expect(translate(event.replace('username', '\\u0075sername')).text).toBe(line);
  });

  test.each<[string, string, string]>([
    ['lacks the event type', '{"product":"b","username":"u"}', 'missing-tag: the key event_type is missing'],
    ['lacks the product', '{"event_type":"a","username":"u"}', 'missing-tag: the key product is missing'],
    ['lacks the username', '{"event_type":"a","product":"b"}', 'missing-value: the key username is missing'],
    ['has a number for a name', event.replace('"u"', '42'), 'syntax: username is no string'],
    ['has null for a name', event.replace('"b"', 'null'), 'syntax: product is no string'],
    ['has an object for a name', event.replace('"a"', '{"a":"a"}'), 'syntax: event_type is no string'],
    ['has an empty event type', event.replace('"a"', '""'), 'name-length: event_type is empty'],
    ['has a key twice', event.replace('{', '{"username":"v",'), 'syntax: username stands twice'],
    ['has a number for an id', event.replace('{', '{"id":7,'), 'syntax: id is no string'],
    [
      'has a newline in a name',
      event.replace('"u"', '"u\\nv"'),
      'control-character: control character 0x0a in username',
    ],
    [
      'has a NUL as an escape',
      event.replace('"a"', '"\\u0000"'),
      'control-character: control character 0x00 in event_type',
    ],
    ['has a DEL in a name', event.replace('"b"', '"\x7f"'), 'control-character: control character 0x7f in product'],
    [
      'has half a surrogate pair',
      event.replace('"u"', '"\\ud83d"'),
      'invalid-utf8: username holds half of a surrogate pair',
    ],
    [
      'ends a tag with a backslash',
      event.replace('"a"', '"a\\\\"'),
      'trailing-backslash: a backslash at the end would escape what follows',
    ],
    ['is a number', '5', 'syntax: no JSON object'],
    ['is an array', `[${event}]`, 'syntax: no JSON object'],
    ['is larger than a line', event.replace('{', `{"x":"${'x'.repeat(65_536)}",`), 'too-long: longer than 65536 bytes'],
    ...['1.5', '1e18', '"5 "', '" 5"', '""', '"-"', '"tomorrow"', 'true', '[5]', '"\\u0035"'].map(
      (timestamp): [string, string, string] => [
        `has the timestamp ${timestamp}`,
        event.replace('"5"', timestamp),
        'timestamp: the timestamp is neither an integer nor a string of digits',
      ],
    ),
  ])('that %s is rejected, and its neighbours are kept', (_, bad, expected) => {
    const array = `[${event},${bad},${event}]`;
    expect(rejectedOf(array)).toEqual([`2: ${expected}`]);
    expect(translate(array).text).toBe(`${line}\n${line}`);
    if (bad.startsWith('[')) return;
    const lines = `${event}\n${bad}\n${event}`;
    expect(rejectedOf(lines)).toEqual([`2: ${expected}`]);
    expect(translate(lines).text).toBe(`${line}\n${line}`);
  });

  test('with a control character as it is loses only itself, also in an array', () => {
    const bad = event.replace('"u"', '"u\nv"');
    expect(rejectedOf(`[${event},${bad},${event}]`)).toEqual([
      '2: control-character: control character 0x0a in username',
    ]);
  });
});

describe('broken JSON', () => {
  test.each([
    ['{"event_type":"a","prod', 'a string has no end, at byte 19'],
    [event.slice(0, -1), 'a comma or a closing bracket is missing, at byte 63'],
    [`${event},`, 'something stands behind the object, at byte 64'],
    [`${event}${event}`, 'something stands behind the object, at byte 64'],
    ['event_type=a,product=b value=u 5', 'a value is missing, at byte 1'],
  ])('on a line is that line: %s', (bad, fault) => {
    const body = `${event}\n\n${bad}\n${event}`;
    expect(translate(body)).toMatchObject({ text: `${line}\n${line}`, rejected: 1 });
    expect(rejectedOf(body)).toEqual([expect.stringContaining(`2: syntax: `)]);
    expect(rejectedOf(body)[0]).toContain(fault);
    expect(rejectedOf(`${bad}\n${event}`)).toEqual([expect.stringContaining(fault)]);
  });

  test.each([
    [`[${event},`, 'a value is missing, at byte 66'],
    [`[${event}`, 'a comma or a closing bracket is missing, at byte 65'],
    [`[${event} ${event}]`, 'a comma or a closing bracket is missing, at byte 66'],
    [`[${event},{"event_type":"a","prod`, 'a string has no end, at byte 84'],
    [`[${event}] x`, 'something stands behind its end, at byte 67'],
    [`[${event}]\n[${event}]`, 'something stands behind its end, at byte 67'],
    [`[${event},${'['.repeat(100)}${']'.repeat(100)}]`, 'nested more than 64 deep, at byte 130'],
    ['[', 'a value is missing, at byte 2'],
  ])('in an array takes nothing: %s', (body, fault) => {
    expect(translator.translate(Buffer.from(body))).toEqual({
      broken: `the body is no JSON array: ${fault}; nothing was taken`,
    });
  });

  test('and what one body brought is forgotten at the next', () => {
    translator.translate(Buffer.from('[{"username":"x"'));
    expect(translate(event.replace('"username":"u"', '"x":1')).rejections).toMatchObject([
      { line: 1, reason: 'missing-value' },
    ]);
    expect(translate(event).text).toBe(line);
  });

  test('any bytes at all are translated or refused, a line for each item', () => {
    const scanner = new LineScanner();
    const piece = fc.constantFrom(
      event,
      '{',
      '}',
      '[',
      ']',
      ',',
      '"',
      '\n',
      '\\',
      ' ',
      '"id":',
      '"username":"',
      '\0',
      '1',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.uint8Array({ maxLength: 3 }), (pieces, bytes) => {
        const translated = translator.translate(Buffer.concat([Buffer.from(pieces.join('')), bytes]));
        if ('broken' in translated) return;
        let rejected = 0;
        for (const text of translated.lines.toString('latin1').split('\n').slice(0, -1)) {
          const kind = scanner.scan(Buffer.from(text, 'latin1'), 0, text.length, 'ns');
          if (kind === LINE.blank) rejected++;
          else expect(kind === LINE.userEvent || scanner.reason !== 'syntax').toBe(true);
        }
        expect(rejected).toBe(translated.rejected);
      }),
      { numRuns: 5_000 },
    );
  });
});

const nameText = fc
  .oneof(
    fc.constantFrom(
      'true',
      '42',
      '1i',
      'a b',
      'a,b',
      'a=b',
      'a\\b',
      'a\\,b',
      '\\\\ x',
      '"',
      '"u"',
      '__proto__',
      '🦦',
      'é',
    ),
    fc.string({ unit: fc.constantFrom('a', '7', ' ', ',', '=', '\\', '"', '#', '🦦'), minLength: 1, maxLength: 8 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  .filter((text) => !/[\u0000-\u001f\u007f]/.test(text) && !text.endsWith('\\'));
const anEvent: fc.Arbitrary<TestEvent> = fc.record(
  {
    eventType: nameText,
    product: nameText,
    username: fc.oneof(
      nameText,
      nameText.map((text) => `${text}\\`),
    ),
    sec: fc.integer({ min: 1, max: 2_000_000_000 }),
    nanos: fc.integer({ min: 0, max: 999_999_999 }),
    id: fc.oneof(nameText, fc.constant('')),
  },
  { requiredKeys: ['eventType', 'product', 'username', 'sec'] },
);

/** As any client might write it. */
function jsonOf(event: TestEvent, ascii: boolean, asNumber: boolean): string {
  const { eventType, product, username, id } = event;
  const strings = JSON.stringify({ username, ...(id === undefined ? {} : { id }), product, event_type: eventType });
  const digits = timestamp(event);
  const text = strings.replace('{', `{"timestamp":${asNumber ? digits : `"${digits}"`},`);
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return ascii ? text.replace(/[^\x20-\x7e]/g, escaped) : text;
}

describe('the line of an event', () => {
  test('is read back as the very same names and timestamp', () => {
    const scanner = new LineScanner();
    fc.assert(
      fc.property(anEvent, fc.boolean(), fc.boolean(), (event, ascii, asNumber) => {
        const { lines, rejected } = translate(jsonOf(event, ascii, asNumber));
        expect(rejected).toBe(0);
        expect(lines.indexOf('\n')).toBe(lines.length - 1);
        expect(scanner.scan(lines, 0, lines.length - 1, 'ns')).toBe(LINE.userEvent);
        const { eventType, product, username, id, hasId, timestampSec, timestampNanos } = scanner;
        expect([eventType, product, username].map(String)).toEqual([event.eventType, event.product, event.username]);
        expect(hasId ? String(id) : undefined).toBe(event.id);
        expect([timestampSec, timestampNanos]).toEqual([event.sec, event.nanos ?? 0]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('makes the identity that the same event has as line protocol', () => {
    const key = { k0: 11, k1: 22 };
    const identityOf = (text: string) => {
      const context = { key, groups: new GroupTable(key), identity: 'content' as const, windowSec: 60 };
      const { identityHi, identityLo, userHi, userLo } = digestEntry(entryOf('1-0', [text]), context)!;
      return [identityHi[0], identityLo[0], userHi[0], userLo[0]];
    };
    fc.assert(
      fc.property(anEvent, fc.boolean(), (event, ascii) => {
        const identity = identityOf(translate(jsonOf(event, ascii, true)).text.trimEnd());
        expect(identity).toEqual(identityOf(lineOf(event, 'quoted')));
        if (!event.username.endsWith('\\')) expect(identity).toEqual(identityOf(lineOf(event, 'bare')));
      }),
      { numRuns: 1_000 },
    );
  });
});

test('a long body of short lines and one of lines that grow are both written whole', () => {
  const commas = event.replace('"a"', `"${','.repeat(128)}"`);
  expect(translate(`${event}\n`.repeat(1000)).text).toBe(line.repeat(1000));
  expect(translate(`${commas}\n`.repeat(1000)).text).toBe(line.replace('=a,', `=${'\\,'.repeat(128)},`).repeat(1000));
  expect(translate('x\n'.repeat(1000))).toMatchObject({ text: '\n'.repeat(1000), rejected: 1000 });
});

test('of many bad items the first are told and all are counted, as they stand in the body', () => {
  const translated = translate(`${event}\n5\n`.repeat(MAX_REJECTIONS + 1));
  const read = {
    accepted: MAX_REJECTIONS,
    others: 0,
    rejected: 1,
    rejections: [{ line: 3, reason: 'past' as const, detail: 'early' }],
    byReason: new Map([['past' as const, 1]]),
  };
  const merged = mergeRead(translated, read);
  expect(merged).toMatchObject({ accepted: MAX_REJECTIONS, rejected: MAX_REJECTIONS + 2 });
  expect(merged.byReason).toEqual(
    new Map([
      ['syntax', MAX_REJECTIONS + 1],
      ['past', 1],
    ]),
  );
  expect(merged.rejections).toHaveLength(MAX_REJECTIONS);
  expect(merged.rejections.slice(0, 3).map(({ line: item }) => item)).toEqual([2, 3, 4]);
});
