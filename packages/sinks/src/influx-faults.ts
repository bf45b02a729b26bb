import { AbortError, HttpError, RequestTimedOutError } from '@influxdata/influxdb-client';
import type { BoundedResult } from './bounded.ts';
import { type Outcome, SinkError } from './sink.ts';
import { tlsFault } from './tls-faults.ts';

/**
 * What a failed request to InfluxDB means, as a SinkError with one clear line. Pure. The delicate part is `outcome`: it is
 * `not-applied` only where the request never reached InfluxDB or InfluxDB said no, and `unknown` in every other case.
 */
export interface RequestContext {
  sinkName: string;
  url: string;
  what: 'write' | 'read';
  timeoutMs: number;
  /** What the operator can do about a 404. */
  missing: string;
  /** With what authority it was tried, for a 401 or 403. */
  authority?: string | undefined;
}

type Failure = Exclude<BoundedResult<unknown>, { kind: 'done' }>;

/** A SinkError, or the error itself where it is none of the network or of InfluxDB: then it is a bug, and stays one. */
export function requestFault(context: RequestContext, failure: Failure): unknown {
  const { sinkName, url, what, timeoutMs } = context;
  const subject = `sink ${sinkName}: ${what} at ${url}`;
  if (failure.kind === 'timeout') return timedOut(subject, timeoutMs);
  if (failure.kind === 'aborted') {
    const outcome = failure.started ? 'unknown' : 'not-applied';
    return new SinkError('sink-aborted', `${subject} was called off`, { outcome });
  }
  const { error } = failure;
  if (error instanceof SinkError) return error;
  if (error instanceof HttpError) return httpFault(context, subject, error);
  if (error instanceof RequestTimedOutError) return timedOut(subject, timeoutMs, error);
  if (error instanceof AbortError) {
    return new SinkError('sink-unreachable', `${subject}: connection lost`, { outcome: 'unknown', cause: error });
  }
  return systemFault(subject, error);
}

function timedOut(subject: string, timeoutMs: number, cause?: unknown): SinkError {
  return new SinkError('sink-timeout', `${subject}: no answer within ${timeoutMs} ms`, { outcome: 'unknown', cause });
}

function httpFault({ missing, authority }: RequestContext, subject: string, cause: HttpError): SinkError {
  const status = cause.statusCode;
  const line = `${subject}: HTTP ${status}: ${serverWords(cause)}`;
  if (status === 401 || status === 403) {
    const how = authority === undefined ? line : `${line} (${authority})`;
    return new SinkError('sink-unauthorized', how, { outcome: 'not-applied', cause });
  }
  if (status === 404) return new SinkError('sink-refused', `${line} (${missing})`, { outcome: 'not-applied', cause });
  if (status === 429) return new SinkError('sink-unavailable', line, { outcome: 'not-applied', cause });
  // A 500 may come after part of the work was done, a 502 or 504 while the InfluxDB behind the proxy still works on it.
  if (status >= 500) return new SinkError('sink-unavailable', line, { outcome: 'unknown', cause });
  if (status >= 400) return new SinkError('sink-refused', line, { retryable: false, outcome: 'not-applied', cause });
  return new SinkError('sink-bad-answer', line, { outcome: 'unknown', cause });
}

/** The server's own words: the `error` of 1.x, the `message` of 2.x, or the start of whatever came. One line. */
export function serverWords({ json, body, statusMessage }: HttpError): string {
  const words = [json?.error, json?.message, body].find((text) => typeof text === 'string' && text !== '');
  return oneLine(words ?? statusMessage ?? '');
}

/** A long text loses its middle: InfluxDB quotes the line that it refuses, and says why behind it. */
export function oneLine(text: string): string {
  const line = text.replace(/[\s\p{C}]+/gu, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 150)} … ${line.slice(-150)}` : line;
}

const NEVER_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);

function systemFault(subject: string, error: unknown): unknown {
  // By shape and not by class: errors of the network come from Node itself, and its classes are not jest's.
  if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'string') return error;
  const { code } = error;
  if (code.startsWith('HPE_')) {
    const line = `${subject}: no HTTP spoken there (${code})`;
    return new SinkError('sink-bad-answer', line, { outcome: 'unknown', cause: error });
  }
  const tls = tlsFault(code);
  if (tls) return new SinkError(tls.code, `${subject}: ${tls.words}`, { outcome: tls.outcome, cause: error });
  // Our own mistakes carry these (ERR_INVALID_ARG_TYPE and its like).
  if (code.startsWith('ERR_') && code !== 'ERR_STREAM_PREMATURE_CLOSE') return error;
  const beforeConnect = 'syscall' in error && error.syscall === 'connect';
  const outcome: Outcome = NEVER_CONNECTED.has(code) || beforeConnect ? 'not-applied' : 'unknown';
  const how = outcome === 'not-applied' ? 'no connection' : 'connection failed';
  return new SinkError('sink-unreachable', `${subject}: ${how} (${code})`, { outcome, cause: error });
}
