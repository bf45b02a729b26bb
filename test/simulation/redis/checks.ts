/**
 * What a simulation may leave out, to show that it would be missed: each is one sentence of the protocol. A run without
 * any of them must be found wrong within a bounded number of seeds.
 */
export const CHECKS = [
  /** fold: every entry is still pending. */
  'pending',
  /** fold: every window has the version that the plan knows. */
  'version',
  /** fold: also where the plan adds nothing to it. */
  'version-of-duplicates',
  /** fold: a version is more than a length. */
  'nonce',
  /** fold: a window that was sealed takes nothing, and what is called late is late. */
  'sealed',
  /** fold: too-many-windows still holds. */
  'verdict',
  /** fold: identities were made with the partition's own key. */
  'seed',
  /** append: only the next sequence. */
  'sequence',
  /** publish: the totals are those of the log as it stands. */
  'publish-version',
  /** seal: everything appended before is folded. */
  'folded-before-seal',
  /** seal: the partition is the one that was seen before relays were asked. */
  'birth-before-seal',
  /** seal: and on the same connection. */
  'epoch-before-seal',
  /** report: after a connection was lost, nothing is drained that Redis was not asked for again. */
  'asked-anew',
  /** journal: who waits is answered after the sync, not after the write. */
  'synced',
  /** journal: the next start sends what the ones before left behind. */
  'left-behind',
  /** flush: read back before the first write of a window. */
  'read-back',
  /** flush: look for the final record after the partitions. */
  'final-after-partitions',
  /** flush: a write confirms only while its intent stands. */
  'intent',
  /** settle: read the final record back from the sink, and again later. */
  'settle',
] as const;

export type Check = (typeof CHECKS)[number];
export type Without = ReadonlySet<Check>;
export const NOTHING_LEFT_OUT: Without = new Set();
