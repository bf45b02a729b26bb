import { bench } from 'mitata';
import { decodeRecord, encodeRecord, type LogRecord } from './log-codec.ts';

/** A record of a thousand new events and half as many new users in twenty groups, beside the same as JSON. */
const EVENTS = 1000;
const GROUPS = 20;
const NONCE = new Uint8Array(16).fill(7);
const record: LogRecord = {
  newGroups: Array.from({ length: GROUPS }, (_, i) => ({
    eventTypeBytes: Buffer.from(`type${i % 10}`),
    productBytes: Buffer.from(`product${i % 2}`),
  })),
  sections: Array.from({ length: GROUPS }, (_, group) => ({
    group,
    events: EVENTS / GROUPS,
    users: EVENTS / 2 / GROUPS,
  })),
  identities: Uint32Array.from({ length: EVENTS * 2 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 0),
  users: Uint32Array.from({ length: EVENTS }, (_, i) => Math.imul(i + 1, 0x85ebca6b) >>> 0),
};
const encoded = encodeRecord(record, NONCE);

bench('encodeRecord', () => encodeRecord(record, NONCE).length);

bench('decodeRecord, every word read', () => {
  const { identities, users } = decodeRecord(encoded, 0)!;
  let low = 0;
  for (let i = 4; i < identities.byteLength; i += 8) low ^= identities.getUint32(i, true);
  for (let i = 4; i < users.byteLength; i += 8) low ^= users.getUint32(i, true);
  return low;
});

const { identities, users, sections } = record;
const json = JSON.stringify({ sections, identities: [...identities], users: [...users] });

bench('JSON.stringify', () => JSON.stringify({ sections, identities: [...identities], users: [...users] }).length);
bench('JSON.parse', () => (JSON.parse(json) as { sections: unknown[] }).sections.length);
