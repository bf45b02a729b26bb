import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Where programs of others are kept that tests and benchmarks run beside ours without installing them: outside the
 * checkout, in the user's cache. A folder is there whole or not at all, so whoever finds it needs no network; deleting it
 * has it fetched again. `fill` gets an empty folder to put everything in.
 */
export async function cachedFolder(name: string, fill: (dir: string) => Promise<void>): Promise<string> {
  const dir = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'weir', name);
  if (existsSync(dir)) return dir;
  await mkdir(dirname(dir), { recursive: true });
  const fresh = await mkdtemp(`${dir}.`);
  try {
    await fill(fresh);
    await rename(fresh, dir);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    // Somebody else was faster, and what they put there is the same.
    if (!existsSync(dir)) throw error;
  }
  return dir;
}
