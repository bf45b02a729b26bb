/**
 * Why a line can be rejected: stable codes, part of the interface. Answers and metrics carry them. The last two are for
 * callers, who know the clock and the sinks.
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
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];
