import type { Precision } from '@weir/common/line-protocol';
import type { WriteApi } from './write-answer.ts';

/**
 * What a write asks for besides its lines, read from query and headers. Pure. Database, bucket and the like name nothing
 * here, and are not asked for.
 */
export interface WriteRequest {
  precision: Precision;
  idempotencyKey?: string;
}

const PRECISIONS_OF: Readonly<Record<WriteApi, ReadonlySet<string>>> = {
  v1: new Set<Precision>(['n', 'ns', 'u', 'us', 'ms', 's', 'm', 'h']),
  v2: new Set<Precision>(['ns', 'us', 'ms', 's']),
};

const MAX_KEY_CHARS = 256;

/** The message for the client when something is wrong: nothing of the body is taken then. */
export function readWriteRequest(
  api: WriteApi,
  query: URLSearchParams,
  idempotencyKey: string | undefined,
): WriteRequest | { message: string } {
  const known = PRECISIONS_OF[api];
  const precision = query.get('precision') || 'ns';
  if (!known.has(precision)) {
    const shown = precision.slice(0, 20).replace(/[^\x21-\x7e]/g, '?');
    return { message: `invalid precision ${JSON.stringify(shown)}, expected one of ${[...known].join(', ')}` };
  }
  if (idempotencyKey === undefined) return { precision: precision as Precision };
  if (!/^[\x21-\x7e]+$/.test(idempotencyKey) || idempotencyKey.length > MAX_KEY_CHARS) {
    return { message: `invalid Idempotency-Key, expected 1 to ${MAX_KEY_CHARS} printable ASCII characters, no spaces` };
  }
  return { precision: precision as Precision, idempotencyKey };
}
