/** Everything that `weir status` may have to say, the worst first. Each has an entry in docs/runbook.md. */
export const VERDICTS = ['ok', 'late', 'wrong'] as const;
export const SEVERITIES = ['wrong', 'late', 'note'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Numbers are wrong, or will be, and do not become right by themselves. */
const WRONG = [
  'books-unbalanced',
  'redis-evicts',
  'batches-lost',
  'datagrams-lost',
  'points-refused',
  'windows-given-up',
  'sink-holds-more',
  'dead-letters',
] as const;

/** Numbers are behind, and become right. */
const LATE = [
  'no-aggregator',
  'redis-full',
  'redis-disk',
  'cannot-fold',
  'held-back',
  'dead-consumer',
  'behind',
  'journal-disk',
  'relay-silent',
  'relay-behind',
  'sink-away',
  'sink-failing',
  'sink-behind',
  'others-behind',
] as const;

const NOTES = ['seal-waits', 'no-events'] as const;

export const FINDING_CODES = [...WRONG, ...LATE, ...NOTES] as const;
export type FindingCode = (typeof FINDING_CODES)[number];

export function severityOf(code: FindingCode): Severity {
  if ((WRONG as readonly string[]).includes(code)) return 'wrong';
  return (LATE as readonly string[]).includes(code) ? 'late' : 'note';
}
