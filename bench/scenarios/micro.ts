import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runCommand } from '../../test/support/command.ts';
import { PROJECT_DIR } from '../../test/support/project.ts';
import type { MicroFigure } from '../micro-runner.ts';
import type { Scenario } from '../scenario.ts';

/**
 * The hot pure files by themselves, each beside what one would write first: the files `*.bench.ts` that stand beside them. Each
 * benchmark does a thousand of its thing. A process for each file: code that others have run through is other code.
 */
export const micro: Scenario = {
  name: 'micro',
  what: 'nanoseconds for one line, hash, lookup or log entry in the hot files themselves',
  sizes: { runs: 5 },
  run: async (bench) => {
    for (let run = 1; run <= bench.sizes.runs; run++) {
      bench.say(`run ${run} of ${bench.sizes.runs}`);
      for (const { name, file } of microFiles()) {
        for (const figure of await runFile(file)) bench.add(`${name}: ${figure.name}`, 'ns', figure.p50 / PER_CALL);
      }
    }
    return { settings: { 'of each per call': PER_CALL }, measures: bench.measures };
  },
};

const PER_CALL = 1000;
const ENDING = '.bench.ts';

/** Named after the files that they stand beside; `file` is what was built of them. */
function microFiles(): { name: string; file: string }[] {
  const packages = join(PROJECT_DIR, 'packages');
  return readdirSync(packages).flatMap((home) => {
    const sources = readdirSync(join(packages, home, 'src'), { recursive: true })
      .map(String)
      .sort();
    const names = sources.filter((source) => source.endsWith(ENDING)).map((source) => source.slice(0, -ENDING.length));
    return names.map((name) => ({ name: `${home}/${name}`, file: join(packages, home, 'dist', `${name}.bench.js`) }));
  });
}

async function runFile(file: string): Promise<MicroFigure[]> {
  const runner = fileURLToPath(new URL('../micro-runner.js', import.meta.url));
  const args = ['--expose-gc', runner, pathToFileURL(file).href];
  const [line] = await runCommand({ command: process.execPath, args });
  return JSON.parse(line!) as MicroFigure[];
}
