import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { eventually } from './eventually.ts';

/**
 * One process that the kit started, and the only place that starts any. Its guarantee: the child does not outlive us,
 * even if we are killed with -9. `setpriv --pdeathsig` (util-linux, on every Debian) asks the kernel for that and then
 * becomes the program itself, so `pid` is the program's own. Exit handlers of our process could not give it: a SIGKILL
 * runs none, and inside jest `process` is a copy whose exit event never fires.
 */
export interface ChildOptions {
  /** For messages. */
  name: string;
  command: string;
  args: readonly string[];
  cwd?: string;
  env?: Readonly<Record<string, string | undefined>>;
  /** Its stdin is `type`'s; otherwise it has none. */
  typed?: boolean;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Lines of output that are kept for error messages. */
const KEPT_LINES = 200;

export class Child {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  exit: Exit | undefined;

  readonly #process: ChildProcessByStdio<Writable | null, Readable, Readable>;
  readonly #kept: string[] = [];

  private constructor(name: string, child: ChildProcessByStdio<Writable | null, Readable, Readable>) {
    this.name = name;
    this.#process = child;
    this.pid = child.pid!;
    // 'close' and not 'exit': by then everything it printed has been read.
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
    this.onLine('stdout', (line) => this.#keep(line));
    this.onLine('stderr', (line) => this.#keep(line));
  }

  /** Resolves once the process exists; rejects when the program is not there. */
  static async start({ name, command, args, cwd, env, typed = false }: ChildOptions): Promise<Child> {
    const program = findProgram(command);
    if (program === undefined) throw new Error(`${name}: no program ${command} on PATH, in /usr/bin or /usr/sbin`);
    const tied = findProgram('setpriv');
    const [file, ...rest] = tied === undefined ? [program] : [tied, '--pdeathsig', 'KILL', program];
    const child = spawn(file!, [...rest, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: [typed ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    return new Child(name, child);
  }

  get running(): boolean {
    return this.exit === undefined;
  }

  /** The last lines of both outputs, for messages. */
  get tail(): string {
    return this.#kept.join('\n');
  }

  onLine(from: 'stdout' | 'stderr', take: (line: string) => void): void {
    createInterface({ input: this.#process[from], crlfDelay: Number.POSITIVE_INFINITY }).on('line', take);
  }

  /** As it comes, not by lines. */
  onOutput(take: (text: string) => void): void {
    this.#process.stdout.setEncoding('utf8').on('data', take);
  }

  type(text: string): void {
    this.#process.stdin!.write(text);
  }

  /** SIGKILL, and waits until it is gone. Does nothing when it is already. */
  async kill(): Promise<Exit> {
    if (this.running) this.#process.kill('SIGKILL');
    return this.exited;
  }

  /** SIGTERM, and waits until it is gone; after `timeoutMs` kills it and rejects. */
  async terminate(timeoutMs: number): Promise<Exit> {
    if (!this.running) return this.exited;
    this.#process.kill('SIGCONT');
    this.#process.kill('SIGTERM');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeoutMs);
    });
    const exit = await Promise.race([this.exited, late]);
    clearTimeout(timer);
    if (exit !== undefined) return exit;
    await this.kill();
    throw new Error(`${this.name} had not ended ${timeoutMs} ms after SIGTERM\n${this.tail}`);
  }

  /** SIGSTOP; resolves once the kernel has really stopped it. */
  async pause(): Promise<void> {
    this.#process.kill('SIGSTOP');
    await eventually(() => this.#state() === 'T', { what: `${this.name} to be paused`, everyMs: 2 });
  }

  async resume(): Promise<void> {
    this.#process.kill('SIGCONT');
    await eventually(() => this.#state() !== 'T', { what: `${this.name} to be resumed`, everyMs: 2 });
  }

  /** The letter of the process state; it follows the program's name, which stands in parentheses. */
  #state(): string {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2);
  }

  #keep(line: string): void {
    this.#kept.push(line);
    if (this.#kept.length > KEPT_LINES) this.#kept.shift();
  }
}

/** Absolute paths are taken as they are. The sbin directories are not on everybody's PATH. */
export function findProgram(name: string): string | undefined {
  if (name.includes('/')) return existsSync(name) ? name : undefined;
  const dirs = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/local/bin'];
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path));
}
