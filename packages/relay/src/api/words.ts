import type { LinesRead, Rejection } from '../lines.ts';

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
}

export interface Refusal {
  /** Says whether sending it again can help: 503 it can, 4xx it cannot. */
  status: 400 | 401 | 413 | 415 | 503;
  message: string;
  headers?: Readonly<Record<string, string>>;
}

/** How an API says what did not go well. */
export interface ApiWords {
  /** For whoever has no token in force. */
  readonly unauthorized: Refusal;
  refused(refusal: Refusal): Answer;
  /** Some lines were rejected and the others taken. */
  partial(read: LinesRead): Answer;
}

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
  partial: (read) => v1Error(400, partialMessage(read), { rejected: read.rejections }),
};

function v1Error(status: number, message: string, more: object, headers: Refusal['headers'] = {}): Answer {
  const error = { 'x-influxdb-error': message.slice(0, MAX_HEADER_CHARS) };
  return { status, headers: { ...retryAfter(status), ...error, ...headers }, body: { error: message, ...more } };
}

/** The 2.x API's names for what went wrong. */
const V2_CODES: Readonly<Record<Refusal['status'], string>> = {
  400: 'invalid',
  401: 'unauthorized',
  413: 'request too large',
  415: 'unsupported media type',
  503: 'unavailable',
};

export const V2_WORDS: ApiWords = {
  unauthorized: {
    status: 401,
    message: 'unauthorized access',
    headers: { 'www-authenticate': 'Token realm="weir"' },
  },
  refused: ({ status, message, headers }) => v2Error(status, message, {}, headers),
  partial: (read) => {
    const { rejections } = read;
    return v2Error(400, partialMessage(read), { line: rejections[0]!.line, rejected: rejections });
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

/** No byte of the lines themselves is in it: it goes into a header, and into clients' logs. */
function partialMessage({ accepted, others, rejected, rejections }: LinesRead): string {
  const shown = rejections.map(({ line, reason, detail }: Rejection) => `line ${line}: ${reason}: ${detail}`);
  const more = rejected - rejections.length;
  if (more > 0) shown.push(`and ${more} more`);
  return `partial write: ${rejected} of ${accepted + others + rejected} lines rejected: ${shown.join('; ')} dropped=${rejected}`;
}
