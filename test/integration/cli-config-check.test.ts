import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agreeOnDeployment } from '@weir/common/deployment';
import { startRedis } from '../support/redis-server.ts';
import { runProgram } from '../support/run-program.ts';
import { tempDir } from '../support/temp-dir.ts';
import { weir } from '../support/weir.ts';

test('what the deployment has recorded otherwise is a fault, with both values', async () => {
  const redis = await startRedis();
  const readFile = () => 'prefix: mine\nwindow: 30s\nsink:\n  - file:x?name=az1\n  - file:y?name=az2\n';
  const check = () => weir(['config', 'check', 'a.yaml', '--for', 'aggregator', '--redis', redis.url], { readFile });
  expect(await check()).toEqual({ code: 0, out: 'a.yaml: right for weir-aggregator\n', err: '' });
  const windowsOf = { windowMs: 60_000, graceMs: 5_000, latenessMs: 900_000 };
  await agreeOnDeployment(redis.client(), 'mine', {
    ...windowsOf,
    partitions: 16,
    identity: 'content',
    sinks: ['az1', 'az3'],
  });
  const { code, out, err } = await check();
  expect({ code, err }).toEqual({ code: 78, err: 'weir config check: a.yaml: 3 faults\n' });
  const remedy =
    'which deployment "mine" has recorded in Redis: start with the recorded value, or take another --prefix';
  expect(out.split('\n')).toEqual([
    `a.yaml: --partitions: got 8, expected 16, ${remedy}`,
    `a.yaml:2: --window: got 30s, expected 1m, ${remedy}`,
    expect.stringMatching(/^a\.yaml:3: --sink: got az1,az2, expected az1,az3, .* weir sink add or remove/),
    '',
  ]);
  const relay = await weir(['config', 'check', 'r.yaml', '--for', 'relay', '--redis', redis.url, '--prefix', 'mine'], {
    readFile: () => 'partitions: 16',
  });
  expect(relay.out).toBe('r.yaml: right for weir-relay, and as deployment "mine" has it recorded\n');
});

test.each([
  ['weir-aggregator', 'grace: 5 s'],
  ['weir-aggregator', 'window: 1500ms'],
  ['weir-aggregator', 'sink: [stdout:, stdout:]'],
  ['weir-relay', 'http: off\nudp: off'],
  ['weir-relay', 'inflight-bytes: 1MiB'],
] as const)('%s itself says of %j what was got and expected', async (program, text) => {
  const file = join(await tempDir('config'), 'weir.yaml');
  await writeFile(file, text);
  const { code, stderr } = await runProgram(program, ['--config', file]);
  expect(code).toBe(78);
  const checked = await weir(['config', 'check', file, '--for', program.replace('weir-', '')], {
    readFile: () => text,
  });
  const said = (line: string) => /: (got .*)\n$/.exec(line)![1];
  expect(said(checked.out)).toBe(said(stderr));
});
