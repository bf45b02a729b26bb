import { spawnSync } from 'node:child_process';
import { appendFile, cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RELAY_SETTINGS } from '@weir/common/relay-settings';
import { cleanup } from '../../../support/cleanup.ts';
import { tempDir } from '../../../support/temp-dir.ts';
import { type Fault, lasting } from './fault.ts';

/**
 * Faults that only a relay with its journal on disk survives: what a relay took is there only, and the relay dies; or
 * the disk is full. They are left out where the relay at hand has no such journal, and the schedule then keeps relays
 * alive that Redis may still need.
 */
export const DISK_JOURNAL = 'journalBytes' in RELAY_SETTINGS;

const missing = () => (DISK_JOURNAL ? undefined : 'needs a relay with its journal on disk');

const withoutRedis: Fault = {
  name: 'relay-kill-without-redis',
  what: 'Redis is killed, relays go on taking lines, and one of them is killed and started again before Redis is',
  relayEnds: true,
  redisLoses: 'some',
  alone: true,
  missing,
  run: async ({ region, random }) => {
    await region.redis.kill();
    await lasting(random, 1_500, 3_000);
    const id = random.pick(region.relayIds);
    await region.daemon(id).kill();
    await lasting(random, 500, 1_500);
    const starting = region.startDaemon(id);
    const time = await lasting(random, 500, 2_000);
    await region.redis.start();
    await starting;
    return `${id} killed while Redis was away, which came back ${time} after it`;
  },
};

const forgotten: Fault = {
  name: 'relay-kill-and-flushall',
  what: 'a relay is killed, Redis forgets everything, and the relay started again has to bring what it sent before',
  relayEnds: true,
  redisLoses: 'all',
  alone: true,
  missing,
  run: async ({ region, random }) => {
    const id = random.pick(region.relayIds);
    await region.daemon(id).kill();
    await region.client.multi().flushall().script('FLUSH').exec();
    return `${id} killed, everything forgotten, ${await lasting(random, 500, 3_000)} until it was back`;
  },
};

/** Holds the journal of a round many times over. */
const TMPFS_BYTES = 64 * 1024 * 1024;

const diskFull: Fault = {
  name: 'journal-disk-full',
  what: "the disk of a relay's journal fills up: a small tmpfs, or where mounting is not allowed a limit on the size of its files",
  relayEnds: true,
  alone: true,
  missing,
  run: async ({ region, random }) => {
    const id = random.pick(region.relayIds);
    await region.daemon(id).stop();
    const dir = await region.dataDir(id);
    const small = await mountTmpfs();
    if (small !== undefined) {
      // With all it has written so far: a relay that loses its disk is another story.
      await cp(dir, small, { recursive: true });
      region.setDataDir(id, small);
    }
    await region.startDaemon(id);
    const { pid } = region.daemon(id);
    if (small !== undefined) await fill(join(small, BALLAST));
    else limitFiles(pid, '1:unlimited');
    const time = await lasting(random, 4_000, 7_000);
    if (small !== undefined) await rm(join(small, BALLAST));
    else limitFiles(pid, 'unlimited:unlimited');
    return `${id} for ${time} (${small !== undefined ? 'tmpfs' : 'limit on file sizes'})`;
  },
};

const BALLAST = 'ballast';

/** A new, empty directory that is a small disk of its own; undefined where mounting is not allowed. */
async function mountTmpfs(): Promise<string | undefined> {
  const dir = await tempDir('small-disk');
  const options = ['-t', 'tmpfs', '-o', `size=${TMPFS_BYTES}`, 'weir-faults', dir];
  if (spawnSync('mount', options).status !== 0) return undefined;
  cleanup(`tmpfs at ${dir}`, () => spawnSync('umount', ['--lazy', dir]));
  return dir;
}

/** To the last byte: the relay writes meanwhile, so what is free is not known beforehand. */
async function fill(file: string): Promise<void> {
  try {
    for (;;) await appendFile(file, Buffer.alloc(64 * 1024));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

/** Unprivileged: a process may lower the limit of another one of the same user. Node ignores the signal, so writes fail. */
function limitFiles(pid: number, limit: string): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${limit}`]);
  if (status !== 0) throw new Error(`prlimit: ${stderr}`);
}

export const JOURNAL_FAULTS: readonly Fault[] = [withoutRedis, forgotten, diskFull];
