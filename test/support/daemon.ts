import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, type Exit } from './child.ts';
import { cleanup } from './cleanup.ts';
import { eventually } from './eventually.ts';
import { PROJECT_DIR } from './project.ts';
import { tempDir } from './temp-dir.ts';

export type DaemonName = 'weir-relay' | 'weir-aggregator';
export type Environment = Readonly<Record<string, string | undefined>>;

/** One JSON line of a daemon's log. */
export interface LogLine {
  msg: string;
  [field: string]: unknown;
}

export const PROGRAMS = {
  'weir-relay': join(PROJECT_DIR, 'packages/relay/bin/weir-relay.js'),
  'weir-aggregator': join(PROJECT_DIR, 'packages/aggregator/bin/weir-aggregator.js'),
  weir: join(PROJECT_DIR, 'packages/cli/bin/weir.js'),
} as const;

const READY_MS = 20_000;
/** A drain may take ten seconds; a little more for a busy machine. */
const STOP_MS = 15_000;

/**
 * Starts the built program (`npm run build` first: `npm test` does) in a directory of its own and waits for its log
 * line `ready`. Rejects, with the end of its log, when it ends before. Killed at cleanup where it still runs then; a
 * daemon that had ended by itself with a failure makes the cleanup, and with it the test, fail. `log` gets every line it
 * prints, from the first.
 */
export async function startDaemon(
  name: DaemonName,
  args: readonly string[],
  env: Environment = {},
  log?: (line: string) => void,
): Promise<Daemon> {
  const child = await startProgram(name, args, env);
  const daemon = new Daemon(name, child);
  if (log) {
    child.onLine('stdout', log);
    child.onLine('stderr', log);
  }
  cleanup(name, () => daemon.takeDown());
  await daemon.untilReady();
  return daemon;
}

/** What a program's first line has Node.js started with. */
function nodeFlags(program: string): string[] {
  const [first = ''] = readFileSync(program, 'utf8').split('\n', 1);
  return /^#!.* node( .*)?$/.exec(first)?.[1]?.trim().split(' ') ?? [];
}

/** Nothing of the environment that would change a setting reaches the program. */
export async function startProgram(name: keyof typeof PROGRAMS, args: readonly string[], env: Environment) {
  const weirless = Object.keys(process.env).filter((key) => key.startsWith('WEIR_'));
  return Child.start({
    name,
    command: process.execPath,
    args: [...nodeFlags(PROGRAMS[name]), PROGRAMS[name], ...args],
    cwd: await tempDir(name),
    env: { ...Object.fromEntries(weirless.map((key) => [key, undefined])), ...env },
  });
}

export class Daemon {
  readonly name: DaemonName;
  readonly pid: number;
  /** Everything logged so far; lines that are not JSON stand in `strayLines`. */
  readonly logs: LogLine[] = [];
  readonly strayLines: string[] = [];
  readonly stdoutLines: string[] = [];
  readonly #child: Child;
  #endExpected = false;

  constructor(name: DaemonName, child: Child) {
    this.name = name;
    this.pid = child.pid;
    this.#child = child;
    child.onLine('stdout', (line) => this.stdoutLines.push(line));
    child.onLine('stderr', (line) => {
      const parsed = parseLogLine(line);
      if (parsed) this.logs.push(parsed);
      else this.strayLines.push(line);
    });
  }

  /** `host:port`, as the line `ready` names it. */
  get http(): string {
    return this.#address('http');
  }

  get udp(): string {
    return this.#address('udp');
  }

  get running(): boolean {
    return this.#child.running;
  }

  /** Somebody ended it, or was told that it will end. */
  get endExpected(): boolean {
    return this.#endExpected;
  }

  /** The last lines of its log, for messages. */
  get tail(): string {
    return this.#child.tail;
  }

  logged(msg: string): LogLine | undefined {
    return this.logs.find((line) => line.msg === msg);
  }

  async untilReady(): Promise<void> {
    await eventually(() => !this.running || this.logged('ready'), {
      timeoutMs: READY_MS,
      everyMs: 10,
      what: `${this.name} to log ready`,
    });
    if (this.logged('ready')) return;
    this.#endExpected = true;
    const { code, signal } = await this.#child.exited;
    throw new Error(`${this.name} ended with ${code ?? signal} before it was ready\n${this.tail}`);
  }

  /** GET on its HTTP address: `/metrics`, `/readyz`. */
  async get(path: string): Promise<Response> {
    return fetch(`http://${this.http}${path}`);
  }

  /** The value of one sample of `/metrics`, written as there: `weir_lines_total{partition="3"}`. */
  async metric(sample: string): Promise<number | undefined> {
    const text = await (await this.get('/metrics')).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${sample} `));
    return line === undefined ? undefined : Number(line.slice(sample.length + 1));
  }

  /** SIGTERM; rejects unless the daemon ends with 0 in time. */
  async stop(): Promise<void> {
    this.#endExpected = true;
    const { code, signal } = await this.#child.terminate(STOP_MS);
    if (code !== 0) throw new Error(`${this.name} ended with ${code ?? signal} after SIGTERM\n${this.tail}`);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.killNow();
    await this.#child.kill();
  }

  /** SIGKILL within this very tick, for whoever sees the moment pass by; `kill` waits for the end. */
  killNow(): void {
    this.#endExpected = true;
    if (this.running) process.kill(this.pid, 'SIGKILL');
  }

  async pause(): Promise<void> {
    await this.#child.pause();
  }

  async resume(): Promise<void> {
    await this.#child.resume();
  }

  /** For a daemon that is meant to end by itself. */
  async untilExit(): Promise<Exit> {
    this.#endExpected = true;
    return this.#child.exited;
  }

  async takeDown(): Promise<void> {
    const crashed = !this.running && !this.#endExpected && this.#child.exit?.code !== 0;
    const { code, signal } = await this.#child.kill();
    if (crashed) throw new Error(`${this.name} had ended by itself with ${code ?? signal}\n${this.tail}`);
  }

  #address(field: 'http' | 'udp'): string {
    const address = this.logged('ready')?.[field];
    if (typeof address !== 'string') throw new Error(`${this.name} named no ${field} address when it was ready`);
    return address;
  }
}

function parseLogLine(line: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && 'msg' in value) return value as LogLine;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return undefined;
}
