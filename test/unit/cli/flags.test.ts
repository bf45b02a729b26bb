import { UsageError } from '@weir/cli/command-context';
import type { FlagSpec } from '@weir/cli/command-spec';
import { type FlagSources, Flags } from '@weir/cli/flags';
import { SettingsError } from '@weir/common/errors';
import { duration, integer, redisUrl, text } from '@weir/common/setting-values';

const specs: FlagSpec[] = [
  { flag: '--redis <url>', description: '', env: 'WEIR_REDIS', inFile: true, default: 'redis://127.0.0.1:6379' },
  { flag: '--windows <n>', description: '', default: '10' },
  { flag: '--idle <duration>', description: '' },
  { flag: '--watch [interval]', description: '', bare: '2s' },
  { flag: '--utc', description: '', inFile: true },
  { flag: '--sink <url>', description: '', env: 'WEIR_SINKS', many: true },
];

const NONE: FlagSources = { given: new Map(), env: {}, file: new Map(), fileName: 'weir.yaml' };
const flags = (sources: Partial<FlagSources>) => new Flags(specs, { ...NONE, ...sources });

function refusal(read: () => unknown): Error {
  try {
    read();
  } catch (error) {
    return error as Error;
  }
  throw new Error('was not refused');
}

test('a flag wins over the environment, that over the file, that over the default', () => {
  const given = new Map([['redis', ['redis://flag:1']]]);
  const env = { WEIR_REDIS: 'redis://env:1' };
  const file = new Map([['redis', ['redis://file:1']]]);
  const redisOf = (sources: Partial<FlagSources>) => flags(sources).read('redis', redisUrl);
  expect(redisOf({ given, env, file })).toBe('redis://flag:1');
  expect(redisOf({ env, file })).toBe('redis://env:1');
  expect(redisOf({ env: { WEIR_REDIS: '' }, file })).toBe('redis://file:1');
  expect(redisOf({})).toBe('redis://127.0.0.1:6379');
});

test('of a flag given twice the last one holds, unless it may be repeated', () => {
  const given = new Map([
    ['windows', ['1', '2']],
    ['sink', ['a', 'b']],
  ]);
  expect(flags({ given }).read('windows', integer(0, 9))).toBe(2);
  expect(flags({ given }).readMany('sink', text())).toEqual(['a', 'b']);
  expect(flags({ env: { WEIR_SINKS: 'c, d' } }).readMany('sink', text())).toEqual(['c', 'd']);
  expect(flags({}).readMany('sink', text())).toEqual([]);
});

test('what was not set and has no default is undefined; a switch is off', () => {
  expect(flags({}).readOptional('idle', duration())).toBeUndefined();
  expect(flags({}).on('utc')).toBe(false);
  expect(flags({ given: new Map([['utc', ['']]]) }).on('utc')).toBe(true);
  expect(flags({ file: new Map([['utc', ['true']]]) }).on('utc')).toBe(true);
});

test('a flag with an optional value means something without one', () => {
  expect(flags({ given: new Map([['watch', ['']]]) }).readOptional('watch', duration())).toBe(2_000);
  expect(flags({ given: new Map([['watch', ['5s']]]) }).readOptional('watch', duration())).toBe(5_000);
});

test('what only a command line may say is not taken from the file', () => {
  expect(flags({ file: new Map([['idle', ['60s']]]) }).readOptional('idle', duration())).toBeUndefined();
});

test('a bad value names where it came from; typed it is wrong usage, else bad configuration', () => {
  const bad = (sources: Partial<FlagSources>) => refusal(() => flags(sources).read('redis', redisUrl));
  const typed = bad({ given: new Map([['redis', ['http://me:hush@h']]]) });
  expect(typed).toBeInstanceOf(UsageError);
  expect(typed.message).toMatch(/^--redis: got "http:\/\/me:\*\*\*@h", expected redis:/);
  const fromEnv = bad({ env: { WEIR_REDIS: 'nonsense' } });
  expect(fromEnv).toBeInstanceOf(SettingsError);
  expect(fromEnv.message).toMatch(/^WEIR_REDIS: got "nonsense"/);
  expect(bad({ file: new Map([['redis', ['odd']]]) }).message).toMatch(/^redis in weir.yaml: got "odd"/);
});

test('a flag that the command does not have is a bug', () => {
  expect(() => flags({}).on('force')).toThrow(TypeError);
});
