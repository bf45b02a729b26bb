import type { JournalFiles } from '@weir/relay/journal-files';
import { FakeDisk } from '../support/fake-disk.ts';
import type { SimProcess } from './sim-process.ts';

/**
 * A relay's disk, which outlives the relay: after a crash all that was written is there, after a loss of power only what was
 * synced, with a torn end. Syncs take time, and for a while it may refuse to write or to sync.
 */
const SYNC_MS = 40;

export class SimDisk {
  /** Batches that Redis had confirmed went, because the journal is small. */
  forgot = false;
  /** It refused once: a batch that Redis has may never have been written. */
  refused = false;
  lostPower = false;
  readonly #files = new FakeDisk();

  /** For the process that has it from now on. */
  attach(process: SimProcess): JournalFiles {
    const { random } = process.world;
    this.#files.beforeSync = () =>
      new Promise((resolve) => process.deliver(random.between(0, SYNC_MS), () => resolve()));
    return this.#files;
  }

  refuse(what: 'write' | 'sync'): void {
    this.refused = true;
    if (what === 'write') this.#files.refusing = true;
    else this.#files.syncRefusing = true;
  }

  heal(): void {
    this.#files.refusing = false;
    this.#files.syncRefusing = false;
  }

  losePower(tornBytes: number): void {
    this.lostPower = true;
    this.#files.losePower(tornBytes);
  }
}
