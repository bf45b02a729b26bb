import type { FlagSpec } from '@weir/cli/command-spec';
import { configReport, configText } from '@weir/cli/config-report';
import { Flags } from '@weir/cli/flags';
import { PLAIN_VIEW } from '../../support/weir.ts';

const specs: FlagSpec[] = [
  { flag: '--redis <url>', description: '', env: 'WEIR_REDIS', inFile: true, default: 'redis://127.0.0.1:6379' },
  { flag: '--prefix <text>', description: '', env: 'WEIR_PREFIX', inFile: true, default: 'weir' },
  { flag: '--partitions <n>', description: '', env: 'WEIR_PARTITIONS', inFile: true },
  { flag: '--sink <url>', description: '', env: 'WEIR_SINKS', many: true },
  { flag: '--token <token>', description: '', env: 'WEIR_RELAY_TOKEN', secret: true },
  { flag: '--utc', description: '', inFile: true },
];
const flags = new Flags(specs, {
  given: new Map([['utc', ['']]]),
  env: {
    WEIR_REDIS: 'redis://me:hush@h',
    WEIR_RELAY_TOKEN: 'hush',
    WEIR_SINKS: 'http://h:1?db=x&u=me&p=hush,http://h:2?token=hush',
  },
  file: new Map([['prefix', ['mine']]]),
  fileName: 'weir.yaml',
});
const report = configReport(specs, flags);

test('shows each setting with where it comes from, and no secret', () => {
  expect(report.settings).toEqual([
    { name: 'redis', value: 'redis://me:***@h', origin: 'environment', from: 'WEIR_REDIS' },
    { name: 'prefix', value: 'mine', origin: 'file', from: 'prefix in weir.yaml' },
    { name: 'partitions', value: null, origin: null, from: null },
    {
      name: 'sink',
      value: 'http://h:1?db=x&u=me&p=***,http://h:2?token=***',
      origin: 'environment',
      from: 'WEIR_SINKS',
    },
    { name: 'token', value: '***', origin: 'environment', from: 'WEIR_RELAY_TOKEN' },
    { name: 'utc', value: 'true', origin: 'flag', from: '--utc' },
  ]);
  expect(JSON.stringify(report)).not.toContain('hush');
});

test('reads as a file that may be given to --config, or as a table', () => {
  expect(configText(report, false, PLAIN_VIEW)).toContain('prefix: "mine"\n');
  expect(configText(report, true, PLAIN_VIEW)).toMatch(/^prefix +mine +prefix in weir\.yaml$/m);
});
