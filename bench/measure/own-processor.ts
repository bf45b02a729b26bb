import { availableParallelism } from 'node:os';
import { cleanup } from '../../test/support/cleanup.ts';
import { runCommand } from '../../test/support/command.ts';

/**
 * Gives a process the first processor to itself, and this one, with all that it starts from now on, the others: as where the
 * two are on machines of their own, and what one does is never stopped by the other in the middle of it. Until
 * everything is taken down. Not so with one processor; answers whether it is.
 */
export async function giveOwnProcessor(pid: number): Promise<boolean> {
  const processors = availableParallelism();
  if (processors < 2) return false;
  await pin(pid, '0');
  cleanup('processors', async () => void (await pin(process.pid, `0-${processors - 1}`)));
  await pin(process.pid, `1-${processors - 1}`);
  return true;
}

function pin(pid: number, processors: string): Promise<string[]> {
  return runCommand({ command: 'taskset', args: ['--all-tasks', '--cpu-list', '--pid', processors, String(pid)] });
}
