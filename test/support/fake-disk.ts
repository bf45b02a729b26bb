import { DiskFault, type JournalFile, type JournalFiles } from '@weir/relay/journal-files';

/**
 * A disk in memory: what is written survives a crash of the process, and only what is synced survives a loss of power.
 * It can be told to refuse, to take only a part, to hold a sync back, and to go bad.
 */
export class FakeDisk implements JournalFiles {
  readonly files = new Map<string, { written: Buffer; synced: Buffer; inDirectory: boolean }>();
  /** Bytes that still fit; a write that does not fit is taken in part, and the next one refused. */
  freeBytes = Number.POSITIVE_INFINITY;
  refusing = false;
  syncRefusing = false;
  syncs = 0;
  reads = 0;
  /** Called by every sync before it is carried out. */
  beforeSync: () => Promise<void> = async () => undefined;

  list(): { name: string; bytes: number }[] {
    return [...this.files].map(([name, { written }]) => ({ name, bytes: written.length }));
  }

  create(name: string): JournalFile {
    if (this.refusing || this.freeBytes <= 0) throw new DiskFault(`cannot create ${name}: ENOSPC`);
    if (this.files.has(name)) throw new DiskFault(`cannot create ${name}: EEXIST`);
    this.files.set(name, { written: Buffer.alloc(0), synced: Buffer.alloc(0), inDirectory: false });
    return {
      write: (parts, position) => this.#write(name, Buffer.concat([...parts]), position),
      truncate: (bytes) => this.#truncate(name, bytes),
      sync: () => this.#sync(name),
      close: () => undefined,
    };
  }

  read(name: string, position: number, bytes: number): Buffer {
    this.reads++;
    const file = this.files.get(name);
    if (file === undefined) throw new DiskFault(`cannot read ${name}: ENOENT`);
    return Buffer.from(file.written.subarray(position, position + bytes));
  }

  async remove(name: string): Promise<void> {
    this.freeBytes += this.files.get(name)?.written.length ?? 0;
    this.files.delete(name);
  }

  async syncDirectory(): Promise<void> {
    if (this.syncRefusing) throw new DiskFault('cannot sync the directory: EIO');
    for (const file of this.files.values()) file.inDirectory = true;
  }

  /** What was not synced is gone, but for `tornBytes` of each file's unsynced end. */
  losePower(tornBytes = 0): void {
    for (const [name, file] of [...this.files]) {
      if (file.inDirectory) file.written = file.written.subarray(0, file.synced.length + tornBytes);
      else this.files.delete(name);
    }
  }

  /** Changes one byte. */
  rot(name: string, position: number): void {
    const { written } = this.files.get(name)!;
    written[position] = written[position]! ^ 0xff;
  }

  #write(name: string, bytes: Buffer, position: number): number {
    if (this.refusing) throw new DiskFault(`cannot write ${name}: EIO`);
    const file = this.files.get(name)!;
    const grows = Math.max(0, position + bytes.length - file.written.length);
    if (grows > 0 && this.freeBytes <= 0) throw new DiskFault(`cannot write ${name}: ENOSPC`);
    const taken = bytes.subarray(0, bytes.length - Math.max(0, grows - this.freeBytes));
    const end = position + taken.length;
    this.freeBytes -= Math.max(0, end - file.written.length);
    const after = file.written.subarray(Math.min(end, file.written.length));
    file.written = Buffer.concat([file.written.subarray(0, position), taken, after]);
    return taken.length;
  }

  #truncate(name: string, bytes: number): void {
    const file = this.files.get(name)!;
    this.freeBytes += Math.max(0, file.written.length - bytes);
    file.written = file.written.subarray(0, bytes);
  }

  async #sync(name: string): Promise<void> {
    const file = this.files.get(name);
    const covered = file && Buffer.from(file.written);
    await this.beforeSync();
    if (this.syncRefusing) throw new DiskFault(`cannot sync ${name}: EIO`);
    this.syncs++;
    if (file && covered) file.synced = covered;
  }
}
