import { z } from 'zod';
import { printable } from '../table.ts';

/** What a relay's answer to a write means for whoever sent it. Pure. */
export interface Rejection {
  /** In the body, from 1. */
  line: number;
  reason: string;
  detail: string;
}

export type Verdict =
  /** Every line is accepted and durable. */
  | { kind: 'taken' }
  /** Some lines are rejected for good, the others taken. `rejections` names a thousand at most. */
  | { kind: 'partly'; rejected: number; rejections: readonly Rejection[] }
  /** The same would be refused again, by any relay. */
  | { kind: 'refused'; why: string }
  /** Whether the lines count is not known, or they do not: the same lines again, best to another relay. */
  | { kind: 'again'; why: string; afterMs?: number | undefined };

const partial = z.object({
  error: z.string(),
  rejected: z.array(z.object({ line: z.number(), reason: z.string(), detail: z.string() })).min(1),
});

const MAX_WORDS = 300;

export function verdictOf(status: number, text: string, retryAfter: string | null): Verdict {
  if (status === 204) return { kind: 'taken' };
  const body = parseJson(text);
  const some = status === 400 ? partial.safeParse(body).data : undefined;
  if (some) {
    const rejected = Number(/dropped=(\d+)$/.exec(some.error)?.[1] ?? some.rejected.length);
    return { kind: 'partly', rejected, rejections: some.rejected };
  }
  const words = typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : text;
  const why = `HTTP ${status}: ${printable(words.replace(/\s+/g, ' ').slice(0, MAX_WORDS))}`;
  // A proxy that finds no relay, or a relay that has no room, may do better the next time; what is wrong stays wrong.
  if (status >= 500 || status === 429 || status === 408) {
    const afterSec = Number(retryAfter ?? Number.NaN);
    return { kind: 'again', why, afterMs: Number.isFinite(afterSec) ? afterSec * 1_000 : undefined };
  }
  return { kind: 'refused', why };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
