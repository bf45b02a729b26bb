import type { Version } from './log-codec.ts';
import { decodeTotals, decodeVersion, type GroupCount, sumTotals, type WindowTotals } from './totals-codec.ts';

/**
 * A window's totals over all partitions, from what each has published. Pure, but for what it remembers.
 *
 * Every sink is flushed by itself and reads for itself, once its own intent stands. What they read at about the same time is
 * mostly the same, and a window may have a million groups; so the last sum is kept while somebody uses it, and given again
 * where the window and all versions are the same: a version stands for one log, whose totals never change.
 */
export interface PublishedSum {
  readonly groups: readonly GroupCount[];
  /** By partition. */
  readonly versions: ReadonlyMap<number, Version>;
}

export interface PublishedPart {
  readonly partition: number;
  /** As encodeTotals writes it; undefined where nothing is published. */
  readonly blob: Buffer | undefined;
}

export class PublishedSums {
  #last: { of: string; groups: WeakRef<readonly GroupCount[]> } | undefined;

  /** Throws a RangeError when one of them is no totals. */
  of(startSec: number, parts: readonly PublishedPart[]): PublishedSum {
    const versions = new Map<number, Version>();
    const blobs: Buffer[] = [];
    let of = `${startSec}`;
    for (const { partition, blob } of parts) {
      if (blob === undefined) continue;
      const version = decodeVersion(blob);
      versions.set(partition, version);
      blobs.push(blob);
      of += `,${partition}:${version.length} ${version.nonce}`;
    }
    let groups = this.#last?.of === of ? this.#last.groups.deref() : undefined;
    if (groups === undefined) {
      groups = sumTotals(blobs.map((blob): WindowTotals => decodeTotals(blob)));
      this.#last = { of, groups: new WeakRef(groups) };
    }
    return { groups, versions };
  }
}
