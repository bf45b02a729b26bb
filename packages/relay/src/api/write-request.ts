import type { Precision } from '@weir/common/line-protocol';

/**
 * What a write asks for besides its lines, read from query and headers. Pure. Database, bucket and the like name nothing
 * here, and are not asked for.
 */
export interface WriteRequest {
  precision: Precision;
  idempotencyKey?: string;
}

export const V1_PRECISIONS: ReadonlySet<string> = new Set<Precision>(['n', 'ns', 'u', 'us', 'ms', 's', 'm', 'h']);
export const V2_PRECISIONS: ReadonlySet<string> = new Set<Precision>(['ns', 'us', 'ms', 's']);

const MAX_KEY_CHARS = 256;

/** `precisions`: those of the API. The message for the client when something is wrong: nothing of the body is taken then. */
export function readWriteRequest(
  precisions: ReadonlySet<string>,
  query: URLSearchParams,
  idempotencyKey: string | string[] | undefined,
): WriteRequest | { message: string } {
  const precision = query.get('precision') || 'ns';
  if (!precisions.has(precision)) {
    const shown = precision.slice(0, 20).replace(/[^\x21-\x7e]/g, '?');
    return { message: `invalid precision ${JSON.stringify(shown)}, expected one of ${[...precisions].join(', ')}` };
  }
  if (idempotencyKey === undefined) return { precision: precision as Precision };
  const key = Array.isArray(idempotencyKey) ? idempotencyKey.join() : idempotencyKey;
  if (!/^[\x21-\x7e]+$/.test(key) || key.length > MAX_KEY_CHARS) {
    return { message: `invalid Idempotency-Key, expected 1 to ${MAX_KEY_CHARS} printable ASCII characters, no spaces` };
  }
  return { precision: precision as Precision, idempotencyKey: key };
}
