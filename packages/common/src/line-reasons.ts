/**
 * Why a line can be rejected: stable codes, part of the interface. Answers and metrics carry them. The last four are
 * for callers, who know the clock, the sinks and the token.
 */
export const REJECT_REASONS = [
  'syntax',
  'missing-tag',
  'missing-value',
  'control-character',
  'invalid-utf8',
  'too-long',
  'name-length',
  'trailing-backslash',
  'timestamp',
  'past',
  'future',
  'other-line',
  'forbidden-product',
  'reserved-name',
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];
