import { Child, type ChildOptions } from './child.ts';
import { cleanup } from './cleanup.ts';

/** Runs a command to its end and answers the lines of its stdout; rejects, with what it printed, unless that is 0. */
export async function runCommand(options: Omit<ChildOptions, 'name'>): Promise<string[]> {
  const child = await Child.start({ name: options.command, ...options });
  cleanup(options.command, () => child.kill());
  const lines: string[] = [];
  child.onLine('stdout', (line) => lines.push(line));
  const { code, signal } = await child.exited;
  if (code === 0) return lines;
  throw new Error(`${[options.command, ...options.args].join(' ')} ended with ${code ?? signal}\n${child.tail}`);
}
