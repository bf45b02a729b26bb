import { setTimeout as sleep } from 'node:timers/promises';
import type { EventPool } from './event-pool.ts';
import { ExpectedTotals } from './expected-totals.ts';
import { HttpConnection } from './http-connection.ts';
import type { Stamps } from './stamps.ts';

/** Sends events over HTTP, as fast as they are taken or at a steady rate, and says what must have been counted. */
export interface HttpLoadOptions {
  /** `host:port`, used in turn by the connections. */
  targets: readonly string[];
  path?: string;
  pool: EventPool;
  connections: number;
  stamps: Stamps;
  /** Stop after so many; rounded up to whole requests. */
  events: number;
  /** Without it, as fast as they are taken. */
  eventsPerSecond?: number;
  /** Each request so often, one right after the other: all but one are duplicates. 1 unless told. */
  copies?: number;
}

export interface LoadReport {
  /** Different events; with copies more lines than that were sent. */
  events: number;
  lines: number;
  requests: number;
  /** Requests that were sent again after a 503. */
  retries: number;
  seconds: number;
  /** From the first byte to the answer, of each request. */
  answerMs: readonly number[];
  expected: ExpectedTotals;
}

const RETRY_MS = 20;

/** Resolves when every request was answered 204. Rejects at any answer that is neither that nor 503. */
export async function sendHttp(options: HttpLoadOptions): Promise<LoadReport> {
  const { targets, pool, connections, stamps, events, eventsPerSecond, copies = 1, path = '/write' } = options;
  const open = Array.from({ length: connections }, (_, i) => HttpConnection.open(targets[i % targets.length]!, path));
  const opened = await Promise.all(open);
  const expected = new ExpectedTotals(pool);
  const answerMs: number[] = [];
  let started = 0;
  let retries = 0;
  const startedMs = performance.now();
  const due = async () => {
    if (eventsPerSecond === undefined) return;
    const waitMs = startedMs + (started / eventsPerSecond) * 1000 - performance.now();
    if (waitMs > 1) await sleep(waitMs);
  };
  const post = async (connection: HttpConnection, bytes: Buffer) => {
    for (;;) {
      const sentMs = performance.now();
      const status = await connection.post(bytes);
      answerMs.push(performance.now() - sentMs);
      if (status === 204) return;
      if (status !== 503) throw new Error(`${targets.join(', ')} answered ${status}`);
      retries++;
      await sleep(RETRY_MS);
    }
  };
  const worker = async (connection: HttpConnection, index: number) => {
    for (let body = index; started < events; body = (body + connections) % pool.bodies.length) {
      await due();
      if (started >= events) return;
      started += pool.linesPerBody;
      const { windowSec, sec, nanos } = stamps(pool.linesPerBody);
      const { bytes } = stamped(pool, body, sec, nanos);
      expected.add(windowSec, body);
      for (let copy = 0; copy < copies; copy++) await post(connection, bytes);
    }
  };
  try {
    await Promise.all(opened.map(worker));
  } finally {
    for (const connection of opened) connection.close();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { events: started, lines: started * copies, requests: answerMs.length, retries, seconds, answerMs, expected };
}

function stamped(pool: EventPool, body: number, sec: number, nanos: number) {
  const chosen = pool.bodies[body]!;
  chosen.stamp(sec, nanos);
  return chosen;
}
