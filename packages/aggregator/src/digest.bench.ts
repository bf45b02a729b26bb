import { bench } from 'mitata';
import { digestEntry } from './digest.ts';
import { GroupTable } from './group-table.ts';
import { DeltaBuilder, WindowState } from './window-state.ts';

/** An entry of a thousand lines: digested, and what of it is new to a window found. */
const LINES = 1000;
const SECOND = 1_478_507_534;
const key = { k0: 0x01234567, k1: 0x76543210 };
const groups = new GroupTable(key);
const lines = Array.from({ length: LINES }, (_, i) => {
  const group = `event_type=type${i % 10},product=product${i % 2}`;
  return `${group} value=user${(i * 7919) % 10_000} ${SECOND}${String(i).padStart(9, '0')}\n`;
});
const entry = {
  id: '1-1',
  batch: 'relay:0123456789abcdef:1',
  receivedMs: SECOND * 1000,
  lineCount: LINES,
  lines: Buffer.from(lines.join('')),
};
const contexts = {
  content: { key, groups, identity: 'content', windowSec: 60 },
  arrival: { key, groups, identity: 'arrival', windowSec: 60 },
} as const;

bench('digestEntry, content identity', () => digestEntry(entry, contexts.content)!.length);
bench('digestEntry, arrival identity', () => digestEntry(entry, contexts.arrival)!.length);

const digest = digestEntry(entry, contexts.content)!;
const empty = new WindowState(SECOND - (SECOND % 60));

bench('DeltaBuilder, all of it new', () => {
  const delta = new DeltaBuilder(empty);
  const { group, identityHi, identityLo, userHi, userLo } = digest;
  for (let i = 0; i < digest.length; i++) {
    delta.add(group[i]!, identityHi[i]!, identityLo[i]!, userHi[i]!, userLo[i]!);
  }
  return delta.events;
});
