import {
  differencesOf,
  type HeldBySink,
  missingOf,
  type RepairRules,
  type Truth,
  writesOf,
} from '@weir/cli/verify/differences';
import { recordedShape } from '@weir/cli/verify/read-sinks';
import { Findings } from '@weir/cli/verify/verify-report';
import { verifyPlanText } from '@weir/cli/verify/verify-text';
import { DEFAULT_SHAPE } from '@weir/common/point-shape';
import { PLAIN_VIEW, weir } from '../../support/weir.ts';

const START = 1_478_507_520;
const group = { eventType: 'login', product: 'shop' };
const events = (value: number) => ({ measurement: 'cumulative_user_event' as const, ...group, value });
const users = (value: number) => ({ measurement: 'unique_user_event' as const, ...group, value });
const held = (...values: (number | undefined)[]): HeldBySink[] =>
  values.map((value, i) => ({ sink: `az${i + 1}`, points: value === undefined ? [] : [events(value), users(2)] }));
const RULES: RepairRules = { startSec: START, trustLarger: false, lostMs: undefined, onTheWay: new Set() };
const knows = (value: number, knownBy: Truth['knownBy'] = 'final'): Truth => ({
  knownBy,
  groups: [{ ...group, events: value, users: 2 }],
  mark: '',
});
const GONE: Truth = { knownBy: 'gone', groups: [], mark: '' };
/** What is to be done in each sink about the number of events. */
const repairs = (truth: Truth, sinks: HeldBySink[], rules: Partial<RepairRules> = {}) =>
  differencesOf(truth, sinks, { ...RULES, ...rules })
    .filter(({ point }) => point.measurement === 'cumulative_user_event')
    .flatMap((difference) => difference.sinks.map(({ repair }) => repair));

test('sinks that hold what Redis knows differ in nothing, and sinks that hold the same without it neither', () => {
  expect(repairs(knows(3), held(3, 3))).toEqual([]);
  expect(repairs(GONE, held(3, 3))).toEqual([]);
  expect(repairs(GONE, held(undefined, undefined))).toEqual([]);
});

test('the totals of partitions add up', () => {
  const parts: Truth = { ...knows(3, 'published'), groups: [1, 2].map((n) => ({ ...group, events: n, users: 1 })) };
  expect(repairs(parts, held(3, 3))).toEqual([]);
});

test.each([
  ['a smaller value', knows(3), held(2, 3), {}, ['write', null]],
  ['no value', knows(3, 'published'), held(undefined, 3), {}, ['write', null]],
  ['all smaller', knows(3), held(2, 1), {}, ['write', 'write']],
  ['a larger value that another sink contradicts', knows(3), held(9, 3), {}, ['write', null]],
  ['larger values everywhere', knows(3), held(9, 9), {}, ['not-borne-out', 'not-borne-out']],
  ['one larger and one smaller', knows(3), held(9, 2), {}, ['not-borne-out', 'write']],
  [
    'a larger value after Redis lost data',
    knows(3),
    held(9, 3),
    { lostMs: START * 1_000 + 1 },
    ['redis-lost-data', null],
  ],
  ['a larger value of a window after that', knows(3), held(9, 3), { lostMs: START * 1_000 }, ['write', null]],
  ['a smaller value after Redis lost data', knows(3), held(2, 3), { lostMs: START * 1_000 + 1 }, ['write', null]],
  ['a smaller value that is on its way', knows(3), held(2, 3), { onTheWay: new Set(['az1']) }, ['on-its-way', null]],
  ['a larger value where more is on its way', knows(3), held(9, 3), { onTheWay: new Set(['az1']) }, ['write', null]],
  [
    'a window that is being counted',
    { ...GONE, knownBy: 'counting' as const },
    held(2, 3),
    {},
    ['counting', 'counting'],
  ],
  ['a window that is gone', GONE, held(2, 3), {}, ['gone', null]],
  ['a window that is gone, trusted', GONE, held(2, 3, undefined), { trustLarger: true }, ['write', null, 'write']],
])('%s', (_, truth, sinks, rules, expected) => {
  expect(repairs(truth, sinks, rules)).toEqual(expected);
});

test('a group that Redis does not know in a window that it knows stays, whoever wrote it', () => {
  const other = { ...events(1), eventType: 'other' };
  const sinks = [{ sink: 'az1', points: [events(3), users(2), other] }, ...held(3, 3).slice(1)];
  const differences = differencesOf(knows(3), sinks, { ...RULES, trustLarger: true });
  expect(differences).toEqual([
    {
      point: { measurement: 'cumulative_user_event', eventType: 'other', product: 'shop' },
      redis: null,
      truth: null,
      write: null,
      sinks: [
        { sink: 'az1', value: 1, repair: 'not-counted' },
        { sink: 'az2', value: null, repair: null },
      ],
    },
  ]);
  expect(writesOf(differences).size).toBe(0);
});

test('what Redis knows is not called true where a sink may know better', () => {
  const [doubted] = differencesOf(knows(3), held(9, 9), RULES);
  expect(doubted).toMatchObject({ redis: 3, truth: null });
  const [certain] = differencesOf(knows(3), held(9, 3), RULES);
  expect(certain).toMatchObject({ redis: 3, truth: 3 });
});

test('what is written is the true value, or the larger one where that is trusted', () => {
  expect(writesOf(differencesOf(knows(3), held(9, 3), RULES))).toEqual(new Map([['az1', [events(3)]]]));
  const trusted = differencesOf(GONE, held(5, 7), { ...RULES, trustLarger: true });
  expect(writesOf(trusted)).toEqual(new Map([['az1', [events(7)]]]));
  expect(missingOf([events(3), users(2)], [events(3), users(1)])).toBe(1);
});

test('a reader sees each value, what is true and how that is known, and what is left for what reason', () => {
  const sinks = ['az1', 'az2', 'az3'].map((name) => ({
    name,
    state: name === 'az3' ? ('not-given' as const) : ('read' as const),
    error: null,
  }));
  const asked = { fromSec: START, toSec: START + 180, repair: false, trustLarger: false, limit: 1 };
  const findings = new Findings(asked, sinks);
  const judged = (startSec: number, truth: Truth, of: HeldBySink[]) =>
    findings.add({ startSec, truth, values: 4, differences: differencesOf(truth, of, { ...RULES, startSec }) });
  judged(START, knows(3), held(9, 3));
  judged(START + 60, GONE, held(5, 7));
  judged(START + 120, knows(3), held(3, 3));
  expect(findings.planned).toEqual([{ startSec: START, mark: '', values: 1 }]);
  expect(verifyPlanText(findings.plan, PLAIN_VIEW)).toBe(
    `window                measurement            type   product  az1  az2  redis  true  known by  repair
2016-11-07T08:32:00Z  cumulative_user_event  login  shop       9    3      3     3  final     az1 to 3
and 1 more (--limit)
az3 is not looked at: no --sink says where it is
3 windows from 2016-11-07T08:32:00Z to 2016-11-07T08:35:00Z, 2 of them known to Redis: 2 points differ, in 2 windows
1 value of windows that Redis does not know any more: of two values the larger is right if nothing was altered by hand (--repair --trust-larger)
1 value of 1 window can be mended with --repair
`,
  );
});

test('points are looked for as the deployment records them; a record without a shape has the first one', () => {
  expect(recordedShape({})).toEqual(DEFAULT_SHAPE);
  expect(
    recordedShape({ uniqueMeasurement: 'u', cumulativeMeasurement: 'c', pointTags: 'env=a\\,b', pointTime: 'end' }),
  ).toEqual({
    names: { unique_user_event: 'u', cumulative_user_event: 'c' },
    tags: [{ key: 'env', value: 'a,b' }],
    time: 'end',
  });
});

test('a script that lacks --yes, and --trust-larger alone, are wrong usage before anything is looked at', async () => {
  expect(await weir(['verify', '--from', '1h', '--repair'])).toMatchObject({ code: 2, out: '' });
  const { code, err } = await weir(['verify', '--from', '1h', '--trust-larger']);
  expect({ code, err }).toEqual({ code: 2, err: 'weir verify: --trust-larger: expected --repair with it\n' });
});
