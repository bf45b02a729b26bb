import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Result, renderResults } from './results.ts';

/**
 * Where results are kept: `results/<scenario>.json` each, and RESULTS.md made of all of them, so that one scenario
 * can be measured again without the others.
 */
export async function keepResult(dir: string, result: Result, order: readonly string[]): Promise<void> {
  const folder = join(dir, 'results');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${result.scenario}.json`), `${JSON.stringify(result, null, 2)}\n`);
  const kept = new Set(await readdir(folder));
  const names = order.filter((name) => kept.has(`${name}.json`));
  const results = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as Result),
  );
  await writeFile(join(dir, 'RESULTS.md'), renderResults(results));
}
