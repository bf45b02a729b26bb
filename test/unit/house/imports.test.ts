import { importFaults } from './import-rules.ts';
import { projectFiles } from './project-files.ts';
import { SHELL_FILES } from './shell-files.ts';

const faultsOf = (files: Record<string, string>, shell: string[] = []) =>
  importFaults(new Map(Object.entries(files)), new Set(shell));

test('every import in the packages runs one way, and pure files stay pure', () => {
  const sources = [...projectFiles(/\.ts$/)].filter(([path]) => /^packages\/[^/]+\/src\//.test(path));
  expect(sources.length).toBeGreaterThan(20);
  expect(importFaults(new Map(sources), SHELL_FILES)).toEqual([]);
});

describe('the rules catch', () => {
  const relay = 'packages/relay/src/router.ts';

  test('a package that imports a sibling, even for its types', () => {
    expect(faultsOf({ [relay]: `import type { Folder } from '@weir/aggregator/folder';` })).toEqual([
      `${relay}: relay must not import aggregator (@weir/aggregator/folder)`,
    ]);
  });

  test('the sinks that import who writes to them, and a relay that imports them', () => {
    const sink = 'packages/sinks/src/sink.ts';
    expect(faultsOf({ [sink]: `import { x } from '@weir/aggregator/flusher';` })).toEqual([
      `${sink}: sinks must not import aggregator (@weir/aggregator/flusher)`,
    ]);
    expect(faultsOf({ [relay]: `import { x } from '@weir/sinks/sink';` })).toEqual([
      `${relay}: relay must not import sinks (@weir/sinks/sink)`,
    ]);
    for (const home of ['aggregator', 'cli']) {
      expect(faultsOf({ [`packages/${home}/src/a.ts`]: `import { x } from '@weir/sinks/sink';` })).toEqual([]);
    }
  });

  test('common that imports anybody', () => {
    const path = 'packages/common/src/keys.ts';
    expect(faultsOf({ [path]: `export { x } from '@weir/relay/x';` })).toEqual([
      `${path}: common must not import relay (@weir/relay/x)`,
    ]);
  });

  test('a relative way into another package', () => {
    expect(faultsOf({ [relay]: `import { x } from '../../common/src/keys.ts';` })).toEqual([
      `${relay}: write @weir/common/… instead of ../../common/src/keys.ts`,
    ]);
  });

  test('the environment and the exit anywhere but in main.ts', () => {
    const text = 'const port = process.env.PORT; process.exitCode = 1; process.exit();';
    expect(faultsOf({ [relay]: text }, ['relay/router.ts'])).toHaveLength(3);
    expect(faultsOf({ 'packages/relay/src/main.ts': text })).toEqual([]);
  });

  test('a process that was not handed in, but not one that was', () => {
    expect(faultsOf({ [relay]: 'process.stdout.write("x");' })).toHaveLength(1);
    expect(faultsOf({ [relay]: 'export const f = (process: Port) => process.exit(1);' })).toEqual([]);
  });

  test.each(['node:net', 'node:fs/promises', 'node:timers/promises', 'ioredis', '@influxdata/influxdb-client'])(
    'a pure file that imports %s',
    (module) => {
      expect(faultsOf({ [relay]: `import { x } from '${module}';` })).toHaveLength(1);
      expect(faultsOf({ [relay]: `const x = await import('${module}');` })).toHaveLength(1);
      expect(faultsOf({ [relay]: `import type { x } from '${module}';` })).toEqual([]);
      expect(faultsOf({ [relay]: `import { x } from '${module}';` }, ['relay/router.ts'])).toEqual([]);
    },
  );

  test.each(['Date.now()', 'new Date()', 'Math.random()', 'performance.now()', 'setTimeout(f, 1)', 'fetch(url)'])(
    'a pure file that calls %s',
    (call) => {
      expect(faultsOf({ [relay]: `export const now = () => ${call};` })).toHaveLength(1);
      expect(faultsOf({ [relay]: `// ${call}\nexport const text = '${call}';` })).toEqual([]);
    },
  );

  test('a pure file that draws random bytes, but not one that hashes', () => {
    expect(faultsOf({ [relay]: `import { randomBytes } from 'node:crypto';` })).toHaveLength(1);
    expect(faultsOf({ [relay]: `import { createHash } from 'node:crypto';` })).toEqual([]);
  });

  test('a pure file that imports the shell, of its own package or of common', () => {
    const udp = { 'packages/relay/src/udp-server.ts': `import { createSocket } from 'node:dgram';` };
    const shell = ['relay/udp-server.ts'];
    expect(faultsOf({ ...udp, [relay]: `import { x } from './udp-server.ts';` }, shell)).toHaveLength(1);
    expect(faultsOf({ ...udp, [relay]: `import type { X } from './udp-server.ts';` }, shell)).toEqual([]);
    const redis = { 'packages/common/src/redis.ts': `import { Redis } from 'ioredis';` };
    const text = `import { x } from '@weir/common/redis'; setTimeout(x, 1);`;
    expect(faultsOf({ ...redis, [relay]: text }, ['common/redis.ts'])).toEqual([
      expect.stringMatching(
        /^packages\/relay\/src\/router\.ts: reaches setTimeout, the shell common\/redis\.ts; a pure file /,
      ),
    ]);
  });

  test('a file that imports main.ts', () => {
    expect(faultsOf({ [relay]: `import './main.ts';` })).toEqual([`${relay}: nobody imports a main.ts`]);
  });

  test('a cycle', () => {
    const files = {
      'packages/relay/src/a.ts': `import { b } from './b.ts';`,
      'packages/relay/src/b.ts': `import { c } from './c.ts';`,
      'packages/relay/src/c.ts': `import { a } from './a.ts';`,
    };
    expect(faultsOf(files)).toEqual(['import cycle: relay/a.ts → relay/b.ts → relay/c.ts → relay/a.ts']);
  });

  test('a listed file that is gone', () => {
    expect(faultsOf({}, ['relay/gone.ts'])).toEqual(['relay/gone.ts: listed as shell, but there is no such file']);
  });
});
