import type { LinesRead, Rejection } from './lines.ts';

/**
 * What a write is answered, in the words of the two InfluxDB APIs: 1.x says `{"error":…}` and repeats it in a header,
 * 2.x says `{"code":…,"message":…}`. Clients of both know from `partial write` that sending the same again is useless.
 * Pure.
 */
export type WriteApi = 'v1' | 'v2';

export type WriteOutcome =
  | { kind: 'written' }
  | { kind: 'partial'; read: LinesRead }
  /** `status` says whether sending it again can help: 503 it can, 4xx it cannot. */
  | { kind: 'refused'; status: 400 | 413 | 415 | 503; message: string };

export interface WriteAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  /** JSON; undefined: no body. */
  body: unknown;
}

const RETRY_AFTER_SEC = 1;
const MAX_HEADER_CHARS = 1000;

/** The 2.x API's names for what went wrong. */
const V2_CODES: ReadonlyMap<number, string> = new Map([
  [400, 'invalid'],
  [413, 'request too large'],
  [415, 'unsupported media type'],
  [503, 'unavailable'],
]);

export function writeAnswer(api: WriteApi, outcome: WriteOutcome): WriteAnswer {
  if (outcome.kind === 'written') return { status: 204, headers: {}, body: undefined };
  const status = outcome.kind === 'partial' ? 400 : outcome.status;
  const message = outcome.kind === 'partial' ? partialMessage(outcome.read) : outcome.message;
  const retry: Record<string, string> = status === 503 ? { 'retry-after': String(RETRY_AFTER_SEC) } : {};
  const rejected = outcome.kind === 'partial' ? { rejected: outcome.read.rejections } : {};
  if (api === 'v1') {
    const error = { 'x-influxdb-error': message.slice(0, MAX_HEADER_CHARS) };
    return { status, headers: { ...retry, ...error }, body: { error: message, ...rejected } };
  }
  const line = outcome.kind === 'partial' ? { line: outcome.read.rejections[0]!.line } : {};
  return { status, headers: retry, body: { code: V2_CODES.get(status)!, message, ...line, ...rejected } };
}

/** No byte of the lines themselves is in it: it goes into a header, and into clients' logs. */
function partialMessage({ accepted, rejected, rejections }: LinesRead): string {
  const shown = rejections.map(({ line, reason, detail }: Rejection) => `line ${line}: ${reason}: ${detail}`);
  const more = rejected - rejections.length;
  if (more > 0) shown.push(`and ${more} more`);
  return `partial write: ${rejected} of ${accepted + rejected} lines rejected: ${shown.join('; ')} dropped=${rejected}`;
}
