import { spawnSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_DIR } from '../support/project.ts';
import { tempDir } from '../support/temp-dir.ts';

/** The set-up looks at the Redis it finds first on PATH, before it installs or builds anything. */
async function setUpWith(version: string) {
  const dir = await tempDir('path');
  const program = join(dir, 'redis-server');
  await writeFile(program, `#!/bin/sh\necho '${version}'\n`);
  await chmod(program, 0o755);
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/setup.mjs', '--dry-run'], {
    cwd: PROJECT_DIR,
    env: { PATH: `${dir}:${process.env.PATH}` },
    encoding: 'utf8',
  });
  return { status, stdout, stderr, program };
}

test.each([
  ['Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=6d95e1af3a2c082a', 'version 6.0.16'],
  ['Redis server v=5.0.3 sha=00000000:0', 'version 5.0.3'],
  ['something else', 'no version that can be read'],
])('set-up ends with 1 and says what it found and what it needs: %s', async (version, found) => {
  const { status, stdout, stderr, program } = await setUpWith(version);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toContain(`set-up: Weir needs Redis 7.0 or newer; ${program} is ${found}`);
});

test.each(['Redis server v=7.0.0 sha=0', 'Redis server v=8.2.1 sha=0', 'Redis server v=10.0.0 sha=0'])(
  'set-up goes on with %s',
  async (version) => {
    const { status, stdout } = await setUpWith(version);
    expect(status).toBe(0);
    expect(stdout).toContain('would run: npm run --silent build');
  },
);
