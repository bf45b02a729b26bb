import type { BodyFault } from '../body.ts';
import type { LinesRead } from '../lines.ts';

/**
 * What a request is answered, in the words of the two InfluxDB APIs: 1.x says `{"error":…}` and repeats it in a header,
 * 2.x says `{"code":…,"message":…}`. Clients of both know from `partial write` that sending the same again is useless.
 * Pure.
 */
export interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  /** JSON; undefined: no body. */
  body: unknown;
  /** Spaces by which the JSON is indented for a human. */
  indent?: number;
}

export interface Refusal {
  /** Says whether sending it again can help: 503 it can, 4xx it cannot. */
  status: 400 | 401 | 413 | 415 | 501 | 503;
  message: string;
  headers?: Readonly<Record<string, string>>;
}

/** How an API says what did not go well. */
export interface ApiWords {
  /** For whoever has no token in force. */
  readonly unauthorized: Refusal;
  refused(refusal: Refusal): Answer;
  /** Some lines were rejected and the others taken. `unit`: what the client sent, and what their numbers count. */
  partial(read: LinesRead, unit: Unit): Answer;
}

export type Unit = 'line' | 'item';

/** What to tell a client whose body cannot be taken, if it is still there. */
export const REFUSED_BODIES: Readonly<Record<Exclude<BodyFault, 'cut-off'>, Refusal>> = {
  'too-large': { status: 413, message: 'the body is larger than --body-limit' },
  'no-room': { status: 503, message: 'too many requests in hand (--inflight-bytes)' },
  'bad-encoding': { status: 415, message: 'unknown Content-Encoding, expected gzip or none' },
  'bad-gzip': { status: 400, message: 'the body is not valid gzip' },
};

/** For whoever asks for points, in any query language. */
export const READ_ELSEWHERE =
  'this is a Weir relay, which only takes writes: read from the InfluxDBs that its aggregators write to';

export const WRITTEN: Answer = { status: 204, headers: {}, body: undefined };

const RETRY_AFTER_SEC = 1;
const MAX_HEADER_CHARS = 1000;

export const V1_WORDS: ApiWords = {
  unauthorized: {
    status: 401,
    message: 'authorization failed',
    headers: { 'www-authenticate': 'Basic realm="weir"' },
  },
  refused: ({ status, message, headers }) => v1Error(status, message, {}, headers),
  partial: (read, unit) => v1Error(400, partialMessage(read, unit), { rejected: rejectedOf(read, unit) }),
};

function v1Error(status: number, message: string, more: object, headers: Refusal['headers'] = {}): Answer {
  // A query's own words may be in it, and a header takes only printable characters.
  const error = { 'x-influxdb-error': message.slice(0, MAX_HEADER_CHARS).replace(/[^\x20-\x7e]/g, '?') };
  return { status, headers: { ...retryAfter(status), ...error, ...headers }, body: { error: message, ...more } };
}

/** The 2.x API's names for what went wrong. */
const V2_CODES: Readonly<Record<Refusal['status'], string>> = {
  400: 'invalid',
  401: 'unauthorized',
  413: 'request too large',
  415: 'unsupported media type',
  501: 'not implemented',
  503: 'unavailable',
};

export const V2_WORDS: ApiWords = {
  unauthorized: {
    status: 401,
    message: 'unauthorized access',
    headers: { 'www-authenticate': 'Token realm="weir"' },
  },
  refused: ({ status, message, headers }) => v2Error(status, message, {}, headers),
  partial: (read, unit) => {
    const { line } = read.rejections[0]!;
    return v2Error(400, partialMessage(read, unit), { line, rejected: rejectedOf(read, unit) });
  },
};

function v2Error(status: Refusal['status'], message: string, more: object, headers: Refusal['headers'] = {}): Answer {
  const code = V2_CODES[status];
  const named = { 'x-platform-error-code': code };
  return { status, headers: { ...retryAfter(status), ...named, ...headers }, body: { code, message, ...more } };
}

function retryAfter(status: number): Record<string, string> {
  return status === 503 ? { 'retry-after': String(RETRY_AFTER_SEC) } : {};
}

function rejectedOf({ rejections }: LinesRead, unit: Unit): object[] {
  return rejections.map(({ line, reason, detail }) => ({ [unit]: line, reason, detail }));
}

const MAX_SHOWN = 20;

/** No byte of the lines themselves is in it: it goes into a header, and into clients' logs. */
function partialMessage({ accepted, others, rejected, rejections }: LinesRead, unit: Unit): string {
  const shown = rejections
    .slice(0, MAX_SHOWN)
    .map(({ line, reason, detail }) => `${unit} ${line}: ${reason}: ${detail}`);
  if (rejected > shown.length) shown.push(`and ${rejected - shown.length} more`);
  const all = accepted + others + rejected;
  return `partial write: ${rejected} of ${all} ${unit}s rejected: ${shown.join('; ')} dropped=${rejected}`;
}
