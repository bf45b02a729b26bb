/** Runs one file of micro-benchmarks in a process of its own and prints the median time of each as a line of JSON. */
import { run } from 'mitata';

export interface MicroFigure {
  name: string;
  /** Of one call, in nanoseconds. */
  p50: number;
}

await import(process.argv[2]!);
const { benchmarks } = await run({ format: 'quiet', throw: true });
const figures: MicroFigure[] = benchmarks.flatMap(({ runs }) =>
  runs.map(({ name, stats }) => ({ name, p50: stats?.p50 ?? Number.NaN })),
);
process.stdout.write(`${JSON.stringify(figures)}\n`);
