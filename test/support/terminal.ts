import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Child, type Exit } from './child.ts';
import { cleanup } from './cleanup.ts';
import { runCommand } from './command.ts';
import { type Environment, PROGRAMS } from './daemon.ts';
import { tempDir } from './temp-dir.ts';

/**
 * A terminal with `weir` on it: a real one to the program (`script` of bsdutils, on every Debian), and read by the test as
 * somebody before it would. Knows the few sequences that `weir top` writes, and fails at others.
 */
export interface TerminalOptions {
  args: readonly string[];
  columns?: number;
  rows?: number;
  env?: Environment;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what sequences are made of.
const SEQUENCE = /\u001b\[(\??)([0-9;]*)([A-Za-z])/y;

/**
 * What a shell runs: it says where the terminal is, who runs on it and how it was left; with jobs, so that one can be stopped,
 * and goes on at once.
 */
const SCRIPT = `set -m
stty rows "$ROWS" cols "$COLUMNS"
left() { stty -a | grep -ow -- '-*icanon'; }
echo "tty $(tty)"
bash -c 'echo "pid $$"; exec "$@"' bash "$@"; code=$?
if [ $code = 148 ]; then echo "stopped $(left)"; fg; code=$?; fi
echo "ended $code $(left)"
`;

export async function openTerminal({ args, columns = 80, rows = 24, env = {} }: TerminalOptions): Promise<Terminal> {
  const script = join(await tempDir('terminal'), 'script.sh');
  await writeFile(script, SCRIPT);
  const command = ['bash', script, process.execPath, PROGRAMS.weir, ...args].map((arg) => `'${arg}'`).join(' ');
  const child = await Child.start({
    name: 'script',
    command: 'script',
    args: ['-qefc', command, '/dev/null'],
    env: { TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', NO_COLOR: '1', ...env, COLUMNS: `${columns}`, ROWS: `${rows}` },
    typed: true,
  });
  cleanup('terminal', () => child.kill());
  return new Terminal(child);
}

export class Terminal {
  /** Whether the program has the alternate screen, and the cursor is hidden, and lines do not wrap. */
  alternate = false;
  hidden = false;
  wraps = true;
  /** How often it took the screen. */
  taken = 0;
  /** What was written outside of the alternate screen. */
  plain = '';
  readonly #child: Child;
  #rows: string[] = [];
  #at = { row: 0, column: 0 };
  #pending = '';

  constructor(child: Child) {
    this.#child = child;
    child.onOutput((text) => this.#take(this.#pending + text));
  }

  /** Of the alternate screen. */
  get lines(): string[] {
    return this.#rows.map((line) => (line ?? '').trimEnd());
  }

  get text(): string {
    return this.lines.join('\n');
  }

  type(keys: string): void {
    this.#child.type(keys);
  }

  async resize(columns: number, rows: number): Promise<void> {
    const tty = /^tty (\S+)/m.exec(this.plain)![1]!;
    await runCommand({ command: 'stty', args: ['-F', tty, 'rows', `${rows}`, 'cols', `${columns}`] });
  }

  /** Of the program. */
  get pid(): number {
    return Number(/^pid (\d+)/m.exec(this.plain)![1]);
  }

  get exited(): Promise<Exit> {
    return this.#child.exited;
  }

  #take(text: string): void {
    this.#pending = '';
    for (let at = 0; at < text.length; ) {
      if (text[at] !== '\u001b') {
        const end = text.indexOf('\u001b', at);
        const words = text.slice(at, end < 0 ? undefined : end);
        this.#put(words);
        at += words.length;
        continue;
      }
      SEQUENCE.lastIndex = at;
      const found = SEQUENCE.exec(text);
      if (!found && text.length - at < 12) {
        this.#pending = text.slice(at);
        return;
      }
      if (!found) throw new Error(`an unknown sequence: ${JSON.stringify(text.slice(at, at + 12))}`);
      this.#obey(`${found[1]}${found[3]}`, found[2]!);
      at += found[0].length;
    }
  }

  #put(words: string): void {
    if (!this.alternate) {
      this.plain += words;
      return;
    }
    const { row, column } = this.#at;
    const line = (this.#rows[row] ?? '').padEnd(column);
    this.#rows[row] = line.slice(0, column) + words + line.slice(column + words.length);
    this.#at.column += words.length;
  }

  #obey(what: string, parameters: string): void {
    const [row, column] = parameters.split(';').map(Number);
    if (what === 'H') this.#at = { row: row! - 1, column: column! - 1 };
    else if (what === 'K') this.#rows[this.#at.row] = (this.#rows[this.#at.row] ?? '').slice(0, this.#at.column);
    else if (what === 'J' && parameters === '2') this.#rows = [];
    else if (what === '?h' || what === '?l') this.#set(parameters, what === '?h');
    else throw new Error(`an unknown sequence: ${what} ${parameters}`);
  }

  #set(mode: string, on: boolean): void {
    if (mode === '1049') {
      this.alternate = on;
      this.taken += on ? 1 : 0;
    } else if (mode === '25') this.hidden = !on;
    else if (mode === '7') this.wraps = on;
    else throw new Error(`an unknown mode: ${mode}`);
  }
}
