import { cleanup } from './cleanup.ts';
import { type Environment, type PROGRAMS, startProgram } from './daemon.ts';

export interface ProgramResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a built program to its end: an operator's command, or a daemon that refuses to start. Killed at cleanup. */
export async function runProgram(
  name: keyof typeof PROGRAMS,
  args: readonly string[],
  env: Environment = {},
): Promise<ProgramResult> {
  const child = await startProgram(name, args, env);
  cleanup(name, () => child.kill());
  const stdout: string[] = [];
  const stderr: string[] = [];
  child.onLine('stdout', (line) => stdout.push(`${line}\n`));
  child.onLine('stderr', (line) => stderr.push(`${line}\n`));
  const { code } = await child.exited;
  return { code, stdout: stdout.join(''), stderr: stderr.join('') };
}

/** `weir …`, as an operator types it. */
export async function runCli(args: readonly string[], env: Environment = {}): Promise<ProgramResult> {
  return runProgram('weir', args, env);
}
