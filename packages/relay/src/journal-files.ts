import {
  closeSync,
  constants,
  fdatasync,
  fsync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  writevSync,
} from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WeirError } from '@weir/common/errors';

/**
 * The files of the journal, as little of a file system as it needs. Writing and reading are synchronous: a write goes
 * into the page cache, which costs less than handing it to a thread, and its order is then the program's own. Only a
 * sync waits for the disk, and never on the event loop. Everything a disk can do wrong arrives as a DiskFault.
 */
export interface JournalFiles {
  list(): { name: string; bytes: number }[];
  /** Fails where there is one of that name. */
  create(name: string): JournalFile;
  /** Shorter than asked for where the file ends before. */
  read(name: string, position: number, bytes: number): Buffer;
  remove(name: string): Promise<void>;
  /** Makes durable which files there are. */
  syncDirectory(): Promise<void>;
}

export interface JournalFile {
  /** Answers how many bytes were written, which may be fewer. */
  write(parts: readonly Buffer[], position: number): number;
  truncate(bytes: number): void;
  sync(): Promise<void>;
  close(): void;
}

/** The disk is full, broken or gone. The system's own code is in `cause` and in the message. */
export class DiskFault extends WeirError {
  override readonly name = 'DiskFault';

  constructor(message: string, cause?: unknown) {
    super('journal-disk', message, true, { cause });
  }
}

/** Runs what touches the disk; what the system refuses becomes a DiskFault. */
function onDisk<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw diskFault(what, error);
  }
}

function diskFault(what: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  // Without a system call behind it, it is a bug of ours.
  return syscall === undefined ? error : new DiskFault(`${what}: ${code}`, error);
}

const datasync = promisify(fdatasync);
const syncAll = promisify(fsync);

class DiskFile implements JournalFile {
  readonly #fd: number;
  readonly #name: string;
  /** Its length grows with every write, which fdatasync makes durable too; only the first sync takes the whole inode. */
  #syncedOnce = false;

  constructor(path: string, name: string) {
    this.#name = name;
    this.#fd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o640);
  }

  write(parts: readonly Buffer[], position: number): number {
    return onDisk(`cannot write ${this.#name}`, () => writevSync(this.#fd, parts as Buffer[], position));
  }

  truncate(bytes: number): void {
    onDisk(`cannot truncate ${this.#name}`, () => ftruncateSync(this.#fd, bytes));
  }

  async sync(): Promise<void> {
    try {
      await (this.#syncedOnce ? datasync : syncAll)(this.#fd);
      this.#syncedOnce = true;
    } catch (error) {
      throw diskFault(`cannot sync ${this.#name}`, error);
    }
  }

  close(): void {
    onDisk(`cannot close ${this.#name}`, () => closeSync(this.#fd));
  }
}

export class DirectoryFiles implements JournalFiles {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  list(): { name: string; bytes: number }[] {
    return onDisk('cannot list the journal', () =>
      readdirSync(this.#dir).map((name) => ({ name, bytes: statSync(join(this.#dir, name)).size })),
    );
  }

  create(name: string): JournalFile {
    return onDisk(`cannot create ${name}`, () => new DiskFile(join(this.#dir, name), name));
  }

  read(name: string, position: number, bytes: number): Buffer {
    return onDisk(`cannot read ${name}`, () => {
      const fd = openSync(join(this.#dir, name), 'r');
      try {
        const buffer = Buffer.allocUnsafeSlow(bytes);
        let got = 0;
        while (got < bytes) {
          const more = readSync(fd, buffer, got, bytes - got, position + got);
          if (more === 0) break;
          got += more;
        }
        return buffer.subarray(0, got);
      } finally {
        closeSync(fd);
      }
    });
  }

  async remove(name: string): Promise<void> {
    try {
      await unlink(join(this.#dir, name));
    } catch (error) {
      throw diskFault(`cannot remove ${name}`, error);
    }
  }

  async syncDirectory(): Promise<void> {
    try {
      const directory = await open(this.#dir, 'r');
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    } catch (error) {
      throw diskFault('cannot sync the directory of the journal', error);
    }
  }
}
