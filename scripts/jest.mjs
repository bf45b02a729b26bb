/**
 * Runs the tests (all of them, or what the arguments choose: they go to jest as they are) and ends with a line of its
 * own, `N passed, N failed`. A test file that could not even run counts as one failure; running no test at all is one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'weir-jest-'));
const outputFile = join(dir, 'results.json');
// A Ctrl-C reaches jest too; wait for it to end, then tidy up.
process.on('SIGINT', () => undefined);

const jest = join(project, 'node_modules', 'jest', 'bin', 'jest.js');
const args = ['--maxWorkers=2', ...process.argv.slice(2), '--json', `--outputFile=${outputFile}`];
// --json sends the results to stdout as well where there is no output file; the report itself goes to stderr.
const { status } = spawnSync(process.execPath, [jest, ...args], {
  cwd: project,
  stdio: ['ignore', 'inherit', 'inherit'],
});

const { passed, failed } = count();
rmSync(dir, { recursive: true, force: true });
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

function count() {
  if (!existsSync(outputFile)) return { passed: 0, failed: 1 };
  const results = JSON.parse(readFileSync(outputFile, 'utf8'));
  const passed = results.numPassedTests;
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  const somethingElse = status !== 0 || passed === 0;
  return { passed, failed: failed === 0 && somethingElse ? 1 : failed };
}
