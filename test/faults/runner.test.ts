import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PROJECT_DIR } from '../support/project.ts';

/**
 * A short run of the fault runner from a fixed seed, as `npm run faults` does it, and one with a rule broken on purpose:
 * a runner that could not fail would prove nothing. What it printed is the message of the failure.
 */
const RUNNER = join(PROJECT_DIR, 'dist/test/faults/runner/main.js');

async function faults(args: readonly string[]): Promise<{ code: number | null; printed: string }> {
  const runner = spawn(process.execPath, [RUNNER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const printed: Buffer[] = [];
  for (const output of [runner.stdout, runner.stderr]) output.on('data', (chunk: Buffer) => printed.push(chunk));
  const [code] = (await once(runner, 'close')) as [number | null];
  return { code, printed: Buffer.concat(printed).toString() };
}

test('an aggregator and a relay die at the worst moment, Redis forgets everything, and all is counted once', async () => {
  const only = 'redis-flushall,aggregator-kill-after-fold,relay-kill-after-xadd';
  const { code, printed } = await faults(['--seed', '20161107', '--rate', '300', '--short', '--only', only]);
  if (code !== 0) throw new Error(`npm run faults ended with ${code}:\n${printed}`);
  expect(printed).toContain('no violation');
}, 240_000);

test('without a look at identity the runner reports events that were counted twice', async () => {
  const { code, printed } = await faults(['--seed', '20161107', '--rate', '300', '--short', '--break', 'no-identity']);
  if (code !== 1 || !printed.includes('VIOLATED over-counted')) {
    throw new Error(`npm run faults ended with ${code}, and should have found events counted twice:\n${printed}`);
  }
}, 240_000);
