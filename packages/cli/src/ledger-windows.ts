import { decodeFinal } from '@weir/common/final-codec';
import { finalKey, finalsKey, type PartitionKeys, partitionKeys } from '@weir/common/keys';
import { redisFault, Script } from '@weir/common/redis';
import { decodeTotals } from '@weir/common/totals-codec';
import type { Redis } from 'ioredis';
import { inBatches } from './in-batches.ts';
import type { PublishedPart, WindowLook } from './ledger-report.ts';

const WINDOW_LOOK = Script.beside(import.meta.url, 'window-look');

/**
 * What Redis holds of the newest windows: the final record of a sealed one, of an open one each partition's log and the
 * totals published of it. Only as many windows are read as are shown.
 */
export interface WindowsRead {
  /** The newest, newest first. */
  windows: WindowLook[];
  open: number;
  final: number;
}

export async function readWindows(
  redis: Redis,
  prefix: string,
  partitions: number,
  most: number,
): Promise<WindowsRead> {
  try {
    const openIn = new Map<number, PartitionKeys[]>();
    for (let partition = 0; partition < partitions; partition++) {
      const keys = partitionKeys(prefix, partition);
      for (const start of await redis.hkeys(keys.windows)) {
        const startSec = Number(start);
        openIn.set(startSec, [...(openIn.get(startSec) ?? []), keys]);
      }
    }
    const final = await redis.zcard(finalsKey(prefix));
    const finals = most > 0 ? await redis.zrevrange(finalsKey(prefix), 0, most - 1) : [];
    const starts = new Set([...openIn.keys(), ...finals.map(Number)]);
    const shown = [...starts].sort((a, b) => b - a).slice(0, most);
    const windows: WindowLook[] = [];
    for (const startSec of shown) windows.push(await readWindow(redis, prefix, startSec, openIn.get(startSec) ?? []));
    return { windows, open: openIn.size, final };
  } catch (error) {
    throw redisFault(error);
  }
}

/** `openIn`: the partitions that hold a log of it. */
export async function readWindow(
  redis: Redis,
  prefix: string,
  startSec: number,
  openIn: readonly PartitionKeys[],
): Promise<WindowLook> {
  const looks = await inBatches(openIn, (keys) => {
    const reply = WINDOW_LOOK.run(redis, [keys.windows, keys.totals(startSec)], [startSec]);
    return reply as Promise<[Buffer | null, Buffer | null]>;
  });
  const parts = looks.flatMap(([meta, totals]) => (meta === null ? [] : [partOf(meta.toString(), totals)]));
  // After the partitions: a window whose state is freed has its final record by then.
  const record = await redis.getBuffer(finalKey(prefix, startSec));
  return { startSec, final: record ? decodeFinal(record) : undefined, parts };
}

/** `meta`: "length nonce openedMs" of the log. */
function partOf(meta: string, totals: Buffer | null): PublishedPart {
  const [length, nonce] = meta.split(' ');
  const published = totals ? decodeTotals(totals) : undefined;
  const current = published?.version.length === Number(length) && published.version.nonce === nonce;
  return { logBytes: Number(length), groups: published?.groups ?? [], current };
}
