import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanup } from './cleanup.ts';

/** A fresh, empty directory; removed with all it holds at cleanup. */
export async function tempDir(label: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), `weir-${label}-`));
  cleanup(`directory ${dir}`, () => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}
