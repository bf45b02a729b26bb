/** The limits of a user event, in bytes of UTF-8 after unescaping; `MAX_LINE_BYTES` counts the line as it was sent. */
export const MAX_EVENT_TYPE_BYTES = 128;
export const MAX_PRODUCT_BYTES = 128;
export const MAX_USERNAME_BYTES = 256;
export const MAX_LINE_BYTES = 64 * 1024;
/** How far ahead of the relay's clock a timestamp may be. */
export const MAX_FUTURE_MS = 5 * 60_000;

/** One product and one event type: what totals are kept for. */
export interface Group {
  product: string;
  eventType: string;
}

/** The two numbers of a window and group. */
export interface Totals {
  events: number;
  users: number;
}
