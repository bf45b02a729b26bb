/** What the door counts of tokens. */
export class AccessCounts {
  /** Requests without a token in force: `missing`, or `unknown`. */
  readonly unauthorized = new Map<string, number>([
    ['missing', 0],
    ['unknown', 0],
  ]);
  /** By the names of tokens. */
  readonly lines = new Map<string, number>();
  readonly overRate = new Map<string, number>();
  readonly reloads = new Map<string, number>([
    ['done', 0],
    ['failed', 0],
  ]);
}

export function count(counts: Map<string, number>, key: string, more = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
