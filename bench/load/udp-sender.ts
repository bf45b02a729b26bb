/**
 * A process that sends datagrams of events at a steady rate, in small bursts, or as fast as it can, and says in a line of
 * JSON how many it sent in what time. A process of its own, so that its turns and the receiver's never meet in one event
 * loop; and one that goes before others where it may, because real clients have processors of their own. Under `nice` it
 * stays as nice as it was started.
 */
import { getPriority, setPriority } from 'node:os';
import { statsdLine } from '../peers/statsd.ts';
import { BASE_SHAPE } from './base-load.ts';
import { DatagramSocket } from './datagram-socket.ts';
import { EventPool, weirLine } from './event-pool.ts';
import { stampsOfNow } from './stamps.ts';

export interface SenderOptions {
  port: number;
  form: 'weir' | 'statsd';
  eventsPerDatagram: number;
  /** Absent: as fast as it can. */
  datagramsPerSecond?: number;
  seconds: number;
}

export interface SenderReport {
  datagrams: number;
  seconds: number;
  /** Per datagram. */
  cpuUs: number;
}

/** So long between two bursts: many clients do not send at the same moment. */
const BURST_EVERY_MS = 0.2;
/** Datagrams that are sent before it looks at the clock again. */
const MOST_PER_TURN = 64;

const FIRST_IN_LINE = -10;

const options = JSON.parse(process.argv[2]!) as SenderOptions;
const { port, form, eventsPerDatagram, datagramsPerSecond = Number.POSITIVE_INFINITY, seconds } = options;
const pool = new EventPool({
  shape: BASE_SHAPE,
  form: form === 'weir' ? weirLine : statsdLine,
  linesPerBody: eventsPerDatagram,
  connections: 1,
});
const socket = new DatagramSocket(port);
/** Those of one size go together. */
const bodies = pool.bodies.toSorted((a, b) => a.bytes.length - b.bytes.length);
const stamps = stampsOfNow(() => performance.timeOrigin + performance.now(), 60);
const sleeper = new Int32Array(new SharedArrayBuffer(4));

if (getPriority() === 0) goFirst();

const cpuBefore = process.cpuUsage();
const startedMs = performance.now();
let sent = 0;
for (;;) {
  const elapsedMs = performance.now() - startedMs;
  if (elapsedMs >= seconds * 1000) break;
  const due = Math.min((elapsedMs / 1000) * datagramsPerSecond, sent + MOST_PER_TURN);
  for (; sent < due; sent++) {
    const body = bodies[sent % bodies.length]!;
    const { sec, nanos } = stamps(eventsPerDatagram);
    body.stamp(sec, nanos);
    socket.send(body.bytes);
  }
  socket.flush();
  const earlyMs = (sent / datagramsPerSecond) * 1000 - (performance.now() - startedMs);
  if (earlyMs > 0) Atomics.wait(sleeper, 0, 0, Math.max(earlyMs, BURST_EVERY_MS));
}
const took = (performance.now() - startedMs) / 1000;
const cpu = process.cpuUsage(cpuBefore);
const report: SenderReport = { datagrams: sent, seconds: took, cpuUs: (cpu.user + cpu.system) / sent };
process.stdout.write(`${JSON.stringify(report)}\n`);

function goFirst(): void {
  try {
    setPriority(FIRST_IN_LINE);
  } catch (error) {
    // Only root may. Without it the rate that was really sent says whether it was enough.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SYSTEM_ERROR') throw error;
  }
}
