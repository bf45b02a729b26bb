import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SettingsError, WeirError } from '@weir/common/errors';

/**
 * The relay's directory on disk:
 *
 *   lock          which live process has it
 *   agreed.json   which deployment its journal belongs to, once that was agreed with Redis
 *   journal/      the segments
 *
 * With `agreed.json` a relay may take lines before it has reached Redis. Two processes never have one directory: the
 * lock names its holder by process id and by when that process started, so that one left behind by a crash counts for
 * nothing. Throws a SettingsError where the operator has to change something, and else a WeirError.
 */
export interface Agreed {
  prefix: string;
  partitions: number;
}

export class DataDir {
  readonly journalDir: string;
  readonly #dir: string;
  readonly #holder: string;
  #recorded = false;

  /** Takes the directory, and makes it where there is none. */
  constructor(dir: string) {
    this.#dir = dir;
    this.journalDir = join(dir, 'journal');
    this.#holder = `${process.pid} ${startOf(process.pid) ?? ''}`;
    try {
      mkdirSync(this.journalDir, { recursive: true, mode: 0o750 });
      this.#lock();
    } catch (error) {
      throw unusable(dir, error);
    }
  }

  /** What was agreed when the journal was written; undefined before. Rejects one of another deployment. */
  agreed({ prefix, partitions }: Agreed): Agreed | undefined {
    const text = this.#read('agreed.json');
    if (text === undefined) return undefined;
    const agreed = parseAgreed(text);
    if (agreed === undefined) throw unusable(this.#dir, new Error('its agreed.json cannot be read'));
    const remedy = `which is what the journal in --data ${this.#dir} was written with: start with that, or take another --data`;
    if (agreed.prefix !== prefix) {
      throw new SettingsError(`--prefix: got ${prefix}, expected ${agreed.prefix}, ${remedy}`);
    }
    if (agreed.partitions !== partitions) {
      throw new SettingsError(`--partitions: got ${partitions}, expected ${agreed.partitions}, ${remedy}`);
    }
    this.#recorded = true;
    return agreed;
  }

  /** Durable when it returns. Nothing is written where it stands there already. */
  recordAgreed({ prefix, partitions }: Agreed): void {
    if (this.#recorded) return;
    try {
      this.#write('agreed.json', `${JSON.stringify({ prefix, partitions })}\n`);
      for (const dir of [this.#dir, join(this.#dir, '..')]) syncDirectory(dir);
      this.#recorded = true;
    } catch (error) {
      throw unusable(this.#dir, error);
    }
  }

  /** Gives the directory up. */
  release(): void {
    if (this.#read('lock') === this.#holder) rmSync(join(this.#dir, 'lock'), { force: true });
  }

  #lock(): void {
    for (;;) {
      try {
        const fd = openSync(join(this.#dir, 'lock'), 'wx', 0o640);
        writeSync(fd, this.#holder);
        closeSync(fd);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      this.#clearStaleLock();
    }
  }

  /** Moves the lock aside before it judges, so that of two that find it stale only one goes on. */
  #clearStaleLock(): void {
    const lock = join(this.#dir, 'lock');
    this.#checkHolder(this.#read('lock'));
    const aside = join(this.#dir, `lock.${process.pid}`);
    try {
      renameSync(lock, aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    try {
      this.#checkHolder(this.#read(`lock.${process.pid}`));
    } catch (error) {
      renameSync(aside, lock);
      throw error;
    }
    rmSync(aside, { force: true });
  }

  #checkHolder(holder: string | undefined): void {
    const [pid = '', start = ''] = (holder ?? '').split(' ');
    if (!/^[0-9]+$/.test(pid) || startOf(Number(pid)) !== start) return;
    throw new SettingsError(
      `--data: got ${this.#dir}, expected a directory that no other live relay has; process ${pid} has it`,
    );
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.#dir, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw unusable(this.#dir, error);
    }
  }

  /** Either the old text stands there or the new one, whenever the machine stops. */
  #write(name: string, text: string): void {
    const path = join(this.#dir, name);
    const fd = openSync(`${path}.new`, 'w', 0o640);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(`${path}.new`, path);
  }
}

function parseAgreed(text: string): Agreed | undefined {
  try {
    const { prefix, partitions } = JSON.parse(text) as Partial<Agreed>;
    return typeof prefix === 'string' && typeof partitions === 'number' ? { prefix, partitions } : undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * When a process started: the machine's boot, and clock ticks since. Undefined when no such process lives. Where there is
 * no /proc only whether it lives is known.
 */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program stands in brackets and may hold anything.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${ticks}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
  try {
    readFileSync('/proc/self/stat');
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
  try {
    process.kill(pid, 0);
    return 'alive';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'alive' : undefined;
  }
}

/** What an operator has to change; anything else, a full disk say, may heal. */
const WRONG = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENOENT', 'ENAMETOOLONG', 'ELOOP']);

function unusable(dir: string, error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== undefined && !WRONG.has(code)) {
    return new WeirError('data-dir', `--data ${dir} cannot be used: ${code}`, true, { cause: error });
  }
  const expected = `expected a directory for the journal that can be written: ${code ?? message}`;
  return new SettingsError(`--data: got ${dir}, ${expected}`, { cause: error });
}
