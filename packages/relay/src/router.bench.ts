import { Stamps } from '@weir/common/stamps';
import { bench } from 'mitata';
import type { LaneJournal } from './journal.ts';
import { Lane } from './lane.ts';
import { LineReader } from './lines.ts';
import { Router } from './router.ts';

/**
 * A body of a thousand lines through reader and router into the batches of eight lanes; beside it the same body read and
 * routed nowhere, so that the difference is what routing and copying cost.
 */
const LANES = 8;
const NOW_MS = 1_478_507_540_000;

/** Keeps nothing: batches are made, and are nobody's. */
const forgetful: LaneJournal = {
  append: () => undefined,
  confirm: () => undefined,
  find: () => undefined,
  read: () => undefined,
  synced: () => 0,
};
const nothing = () => undefined;
const events = { work: nothing, journaled: nothing, confirmed: nothing, lostByRedis: nothing, gap: nothing };
const lanes = Array.from({ length: LANES }, (_, partition) => {
  const bounds = { batchBytes: 512 * 1024, lingerMs: 2, unattendedLingerMs: 2, probeEveryMs: 1000, backoffMs: () => 0 };
  return new Lane({ partition, journal: forgetful, events, ...bounds });
});
const router = new Router(lanes);
const reader = new LineReader(new Stamps(0));

const body = Buffer.from(
  Array.from({ length: 1000 }, (_, i) => {
    const group = `event_type=type${i % 10},product=product${i % 2}`;
    return `${group} value=user${(i * 7919) % 10_000} 1478507534${String(i).padStart(9, '0')}\n`;
  }).join(''),
);

bench('LineReader and Router', () => {
  router.begin({ receivedMs: NOW_MS, monotonicMs: 0, lineNumber: 0 });
  return reader.read(body, 'ns', NOW_MS, { events: router }).accepted;
});

const nowhere = { take: nothing, takeStamped: nothing };
bench('LineReader alone', () => reader.read(body, 'ns', NOW_MS, { events: nowhere }).accepted);
