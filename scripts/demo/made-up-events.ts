import { escapeTag } from '../../test/support/influx-points.ts';
import type { MadeUpEvent } from '../../test/support/oracle.ts';

/**
 * A short stream of events like a region would send: few products, a dozen event types, many users who come again. The
 * same seed makes the same stream. Pure.
 */
export interface StreamOptions {
  seed: number;
  /** How many events. */
  count: number;
  /** Unix nanoseconds: the events lie between `from` and `from + spanNs`, no two at the same moment. */
  from: bigint;
  spanNs: bigint;
}

const PRODUCTS = ['web shop', 'search', 'mail', 'maps=beta'];
const EVENT_TYPES = ['http-5xx', 'os_error', 'browser_error', 'login', 'sign-out', 'slow page'];
const USERS = 3000;

export function* madeUpEvents({ seed, count, from, spanNs }: StreamOptions): Generator<MadeUpEvent> {
  const random = mulberry32(seed);
  const stepNs = spanNs / BigInt(count);
  for (let i = 0; i < count; i++) {
    // Squared: some users, and some products, send far more than others.
    const pick = (n: number) => Math.floor(random() ** 2 * n);
    yield {
      product: PRODUCTS[pick(PRODUCTS.length)]!,
      eventType: EVENT_TYPES[pick(EVENT_TYPES.length)]!,
      username: `user-${pick(USERS)}`,
      timestamp: from + BigInt(i) * stepNs,
    };
  }
}

/** The bare form and the line protocol say the same event; clients use both. */
export function bareLine({ product, eventType, username, timestamp }: MadeUpEvent): string {
  return `event_type=${escapeTag(eventType)},product=${escapeTag(product)} value=${username} ${timestamp}`;
}

export function protocolLine({ product, eventType, username, timestamp }: MadeUpEvent): string {
  const tags = `event_type=${escapeTag(eventType)},product=${escapeTag(product)}`;
  return `user_event,${tags} value=${JSON.stringify(username)} ${timestamp}`;
}

/** Seedable, small and even enough for a demonstration. */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
