import type { BoundSocket } from './udp-reader.ts';

/** What the event loop and the thread that reads datagrams say to each other. */
export interface ThreadOptions {
  host: string;
  port: number;
  receiveBufferBytes: number;
  queueBytes: number;
  /** Two 32-bit integers, see CONTROL. */
  control: SharedArrayBuffer;
}

/**
 * Positions in the memory they share. `stop`: the loop sets it to 1. `queued`: bytes handed to the loop and not looked at;
 * the thread adds, the loop subtracts. Who sets either wakes the other.
 */
export const CONTROL = { stop: 0, queued: 1, length: 2 } as const;

export type FromThread =
  /** No way to call libc: the thread ends. */
  | { kind: 'unable'; reason: string }
  /** No socket: the thread ends. */
  | { kind: 'refused'; syscall: string; code: string }
  | { kind: 'bound'; socket: BoundSocket }
  | { kind: 'datagrams'; lines: Uint8Array<ArrayBuffer>; datagrams: number }
  /** It goes on. */
  | { kind: 'fault'; syscall: string; code: string }
  /** The last word after a stop. */
  | { kind: 'closed' };
