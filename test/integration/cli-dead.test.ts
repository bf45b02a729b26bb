import { partitionKeys, refusedKeys } from '@weir/common/keys';
import { eventLine, Letters, pointLine, WINDOW } from '../support/letters.ts';
import { expectPublished } from '../support/published-schema.ts';
import { startRedis } from '../support/redis-server.ts';
import { weir as runWeir } from '../support/weir.ts';

/** `weir dead list`, `show`, `export` and `purge`. */
let letters: Letters;

beforeAll(async () => {
  const server = await startRedis();
  letters = new Letters(server.client(), server.url);
});
beforeEach(() => letters.begin());

describe('weir dead list', () => {
  test('shows the letters of all partitions and of sinks, the newest first', async () => {
    const first = await letters.add(0, 'late', [
      eventLine('shop', 'login', 'ada'),
      eventLine('mail', 'login', 'bob', WINDOW + 60),
    ]);
    const second = await letters.add(1, 'window-full', [eventLine('shop', 'login', 'eve')], 'relay-2');
    await letters.refuse('az1', pointLine('shop', 3));
    const report = await letters.json('dead', 'list');
    expect(report.letters.map(({ name }: { name: string }) => name)).toEqual([
      expect.stringMatching(/^refused\//),
      second,
      first,
    ]);
    expect(report.letters[2]).toMatchObject({
      partition: 0,
      reason: 'late',
      relay: 'relay-1',
      receivedMs: 1700,
      entry: '1700-0',
      lines: 2,
      matchingLines: 2,
      firstWindowSec: WINDOW,
      lastWindowSec: WINDOW + 60,
      example: eventLine('shop', 'login', 'ada'),
    });
    expect(report.letters[0]).toMatchObject({ sink: 'az1', refusedKind: 'totals', firstWindowSec: WINDOW });
    expect(report.totals).toEqual({ deadLetters: 2, refusedLetters: 1 });
    expectPublished('dead list', JSON.stringify(report));
  });

  test.each<[string[], number[]]>([
    [['--reason', 'late'], [0]],
    [
      ['--reason', 'late', '--reason', 'window-full'],
      [0, 1],
    ],
    [['--reason', 'type conflict'], [2]],
    [['--product', 'mail'], [0]],
    [['--type', 'logout'], [1]],
    [['--window', String(WINDOW + 61)], [0]],
    [
      ['--window', '2016-11-07T08:32:59Z'],
      [0, 1, 2],
    ],
    [['--from-relay', 'relay-2'], [1]],
    [['--partition', '0'], [0]],
    [['--sink', 'az1'], [2]],
    [['--kind', 'refused'], [2]],
    [
      ['--kind', 'dead', '--since', '1h'],
      [0, 1],
    ],
    [['--until', '1h'], []],
    [['--product', 'shop', '--type', 'logout', '--partition', '0'], []],
  ])('filters: %j', async (flags, expected) => {
    const names = [
      await letters.add(0, 'late', [eventLine('shop', 'login', 'ada'), eventLine('mail', 'login', 'bob', WINDOW + 60)]),
      await letters.add(1, 'window-full', [eventLine('shop', 'logout', 'eve')], 'relay-2'),
    ];
    await letters.refuse('az1', pointLine('shop', 3));
    names.push(`refused/${(await letters.redis.xrange(refusedKeys('weir').letters, '-', '+'))[0]![0]}`);
    const listed = (await letters.json('dead', 'list', ...flags)).letters;
    const found = listed.map(({ name }: { name: string }) => names.indexOf(name)).sort();
    expect(found).toEqual(expected);
  });

  test('lists no more than asked for, and says that there are more', async () => {
    for (let i = 0; i < 5; i++) await letters.add(i % 2, 'late', [eventLine('shop', 'login', `user${i}`)]);
    const report = await letters.json('dead', 'list', '--limit', '3');
    expect(report.letters.map(({ example }: { example: string }) => /user\d/.exec(example)![0])).toEqual([
      'user4',
      'user3',
      'user2',
    ]);
    expect(report.more).toBe(true);
    expect((await letters.json('dead', 'list', '--limit', '5')).more).toBe(false);
  });

  test('as a table, in which what lines say can move no cursor', async () => {
    await letters.add(0, 'late', ['event_type=a,product=b value=\u001b[2J 1478507520000000000']);
    const { out } = await letters.weir('dead', 'list', '-o', 'wide', '--utc');
    expect(out).toMatch(/^letter +since +reason +from +lines +asked for +windows +example\n0\/\d+-0 +20/);
    expect(out).toContain('value=?[2J');
    expect((await letters.weir('dead', 'list', '--kind', 'refused')).out).toContain(
      'no letters match; 1 dead letters and 0',
    );
  });

  test('reads letters of a megabyte page by page', async () => {
    const large = Array.from({ length: 200 }, (_, i) => eventLine('shop', 'login', `${i}${'x'.repeat(250)}`));
    for (let i = 0; i < 60; i++)
      await letters.add(0, 'late', i % 20 === 0 ? [...Array(15)].flatMap(() => large) : large.slice(0, 1));
    const { letters: found } = await letters.json('dead', 'list', '--limit', '1000');
    expect(found).toHaveLength(60);
    expect(new Set(found.map(({ name }: { name: string }) => name)).size).toBe(60);
  });
});

describe('weir dead show and export', () => {
  test('show prints letters with their lines, and fails for one that is not there', async () => {
    const name = await letters.add(1, 'late', [eventLine('shop', 'login', 'ada'), eventLine('mail', 'login', 'bob')]);
    const report = await letters.json('dead', 'show', name);
    expect(report.letters[0].text).toEqual([eventLine('shop', 'login', 'ada'), eventLine('mail', 'login', 'bob')]);
    expectPublished('dead show', JSON.stringify(report));
    const { code, out, err } = await letters.weir('dead', 'show', name, '1/1-1', '--utc');
    expect(code).toBe(1);
    expect(err).toBe('weir dead show: no such letter, or no longer: 1/1-1\n');
    expect(out).toContain(`${name}\n  reason   late\n  since    `);
    expect(out).toContain(`    ${eventLine('shop', 'login', 'ada')}\n`);
    expect(await letters.weir('dead', 'show', 'nonsense')).toMatchObject({ code: 2, out: '' });
  });

  test('export prints the lines asked for as they came', async () => {
    await letters.add(0, 'late', [eventLine('shop', 'login', 'ada'), eventLine('mail', 'login', 'bob')]);
    await letters.add(1, 'window-full', [eventLine('shop', 'login', 'eve')]);
    const { out } = await letters.weir('dead', 'export', '--product', 'shop');
    expect(out).toBe(`${eventLine('shop', 'login', 'ada')}\n${eventLine('shop', 'login', 'eve')}\n`);
  });

  test('export as NDJSON says what is known of each line, and keeps bytes that are no text', async () => {
    const name = await letters.add(0, 'late', [eventLine('shop', 'login', 'ada')]);
    const { dead } = partitionKeys('weir', 0);
    await letters.redis.xadd(dead, '*', 'reason', 'unreadable', 'd', Buffer.from('ff00fe0a', 'hex'));
    const { out } = await letters.weir('dead', 'export', '--format', 'ndjson');
    const [first, second] = out.trim().split('\n');
    expect(JSON.parse(first!)).toEqual({
      schema: 'weir.dead-export/1',
      letter: name,
      partition: 0,
      reason: 'late',
      deadMs: expect.any(Number),
      relay: 'relay-1',
      receivedMs: 1700,
      sink: null,
      product: 'shop',
      eventType: 'login',
      windowSec: WINDOW,
      line: eventLine('shop', 'login', 'ada'),
      base64: null,
    });
    expectPublished('dead export', first!);
    expect(JSON.parse(second!)).toMatchObject({ reason: 'unreadable', line: null, base64: '/wD+' });
  });
});

describe('weir dead purge', () => {
  test('throws away exactly what was asked for; the ledger still counts it', async () => {
    await letters.add(0, 'late', [eventLine('shop', 'login', 'ada'), eventLine('mail', 'login', 'bob')]);
    await letters.add(0, 'late', [eventLine('shop', 'login', 'eve')]);
    await letters.add(1, 'window-full', [eventLine('mail', 'login', 'joe')]);
    const report = await letters.json('dead', 'purge', '--product', 'shop', '--yes');
    expect(report.plan.groups).toEqual([{ kind: 'dead', reason: 'late', sink: null, letters: 2, lines: 2, split: 1 }]);
    expect(report.outcome).toEqual({ letters: 2, lines: 2, goneBefore: 0 });
    expectPublished('dead purge', JSON.stringify(report));
    expect((await letters.weir('dead', 'export')).out).toBe(
      `${eventLine('mail', 'login', 'bob')}\n${eventLine('mail', 'login', 'joe')}\n`,
    );
    expect(await letters.counter(0, 'dead-purged')).toBe(2);
    await letters.expectBooksRight();
  });

  test('what stays of a letter keeps its reason, its relay and its age', async () => {
    const name = await letters.add(0, 'late', [eventLine('shop', 'login', 'ada'), eventLine('mail', 'login', 'bob')]);
    await letters.json('dead', 'purge', '--product', 'shop', '--yes');
    const { letters: found } = await letters.json('dead', 'list');
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ reason: 'late', relay: 'relay-1', receivedMs: 1700, entry: '1700-0', lines: 1 });
    expect(found[0].deadMs).toBe(Number(name.split(/[/-]/)[1]));
  });

  test('of what a sink refuses: it comes back when it is refused again', async () => {
    await letters.refuse('az1', pointLine('shop', 3), pointLine('mail', 4));
    await letters.refuse('az2', pointLine('shop', 3));
    const report = await letters.json('dead', 'purge', '--sink', 'az1', '--product', 'mail', '--yes');
    expect(report.plan.groups).toEqual([
      { kind: 'refused', reason: null, sink: 'az1', letters: 1, lines: 1, split: 0 },
    ]);
    expect(await letters.redis.xlen(refusedKeys('weir').letters)).toBe(2);
    await letters.refuse('az1', pointLine('shop', 3), pointLine('mail', 4));
    expect(await letters.redis.xlen(refusedKeys('weir').letters)).toBe(3);
  });

  test('shows what would go, and asks; nothing to do is exit 1', async () => {
    await letters.add(0, 'late', [eventLine('shop', 'login', 'ada')]);
    expect((await letters.weir('dead', 'purge')).code).toBe(2);
    const { out } = await letters.weir('dead', 'purge', '--dry-run');
    expect(out).toMatch(
      /^of +letters +lines +split\nlate +1 +1 +0\ntotal +1 +1 +0\nthese lines are thrown away for good/,
    );
    expect(await letters.redis.xlen(partitionKeys('weir', 0).dead)).toBe(1);
    expect(await letters.weir('dead', 'purge', '--reason', 'window-full', '--yes')).toEqual({
      code: 1,
      out: '',
      err: 'weir dead purge: nothing was done: no letters match\n',
    });
  });

  test('many letters, while the fold drops some of them', async () => {
    for (let i = 0; i < 250; i++) await letters.add(i % 2, 'late', [eventLine('shop', 'login', `user${i}`)]);
    const ask = async () => {
      const { dead, counters } = partitionKeys('weir', 0);
      const [[id, fields]] = (await letters.redis.xrange(dead, '-', '+', 'COUNT', 1)) as [[string, string[]]];
      await letters.redis.xdel(dead, id);
      await letters.redis.hincrby(counters, 'dead-letters', -1);
      await letters.redis.hincrby(counters, 'dead-bytes', -fields[11]!.length);
      return 'y';
    };
    const { out } = await runWeir(['dead', 'purge', '--json', '--redis', letters.url], { ask });
    expect(JSON.parse(out).outcome).toEqual({ letters: 249, lines: 249, goneBefore: 1 });
    await letters.expectBooksRight();
  });
});
