import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SinkGate } from '../../faults/runner/proxies/sink-gate.ts';
import { cleanup } from '../../support/cleanup.ts';
import { eventually } from '../../support/eventually.ts';

/** A database that takes everything and remembers it, behind a gate. */
async function databaseBehindGate() {
  const written: string[] = [];
  const database = createServer((asked, answer) => {
    let body = '';
    asked.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    asked.on('end', () => {
      if (asked.url!.startsWith('/write')) written.push(body);
      answer.writeHead(asked.url!.startsWith('/write') ? 204 : 200).end(asked.url!.startsWith('/write') ? '' : 'rows');
    });
  });
  database.listen(0, '127.0.0.1');
  await once(database, 'listening');
  cleanup('database', () => {
    database.close();
    database.closeAllConnections();
  });
  const gate = new SinkGate('az1', (database.address() as AddressInfo).port);
  const address = await gate.addressFor('aggregator-1');
  const write = (body: string) => fetch(`http://${address}/write?db=x`, { method: 'POST', body });
  const read = async () => (await fetch(`http://${address}/query?q=x`)).text();
  return { gate, address, written, write, read };
}

test('passes what comes, and each aggregator keeps its address', async () => {
  const { gate, address, written, write, read } = await databaseBehindGate();
  expect((await write('a')).status).toBe(204);
  expect(await read()).toBe('rows');
  expect(written).toEqual(['a']);
  expect(await gate.addressFor('aggregator-1')).toBe(address);
  expect(await gate.addressFor('aggregator-2')).not.toBe(address);
});

test('refuses connections, until it is healed', async () => {
  const { gate, written, write } = await databaseBehindGate();
  await gate.refuse();
  await expect(write('a')).rejects.toThrow();
  await gate.heal();
  expect((await write('b')).status).toBe(204);
  expect(written).toEqual(['b']);
});

test('answers a status in the name of a database that never saw the write', async () => {
  const { gate, written, write, read } = await databaseBehindGate();
  gate.behave('write', { kind: 'answer', status: 503 });
  expect((await write('a')).status).toBe(503);
  expect(await read()).toBe('rows');
  expect(written).toEqual([]);
  expect(gate.troubled).toBe(1);
});

test('resets the connection once a write is applied', async () => {
  const { gate, written, write } = await databaseBehindGate();
  gate.behave('write', { kind: 'reset-after' });
  await expect(write('a')).rejects.toThrow();
  expect(written).toEqual(['a']);
});

test('keeps writes back, and delivers them when told', async () => {
  const { gate, address, written } = await databaseBehindGate();
  gate.behave('write', { kind: 'forward-late' });
  const given = new AbortController();
  const sending = fetch(`http://${address}/write`, { method: 'POST', body: 'old', signal: given.signal });
  await eventually(() => gate.troubled === 1, { what: 'the write to be held' });
  given.abort();
  await expect(sending).rejects.toThrow();
  expect(written).toEqual([]);
  expect(await gate.releaseLate()).toBe(1);
  expect(written).toEqual(['old']);
});

test('refuses the points that match, and forwards the others', async () => {
  const { gate, written, write } = await databaseBehindGate();
  gate.behave('write', { kind: 'refuse-lines', refuses: (line) => line.startsWith('bad') });
  const answer = await write('good 1\nbad 2\ngood 3');
  expect(answer.status).toBe(400);
  expect(await answer.text()).toMatch(/partial write.* dropped=1/);
  expect(written).toEqual(['good 1\ngood 3']);
  expect((await write('good 4')).status).toBe(204);
});

test('drips its answer, byte by byte', async () => {
  const { gate, read } = await databaseBehindGate();
  gate.behave('query', { kind: 'drip', everyMs: 1 });
  expect(await read()).toBe('rows');
});

test('shows a write to whoever watches, before it is forwarded and after it is applied', async () => {
  const { gate, address, written } = await databaseBehindGate();
  for (const phase of ['request', 'answer'] as const) {
    const seen: string[] = [];
    const watcher = (sighting: { id: string; phase: string }) => {
      if (sighting.phase !== phase) return 'pass';
      seen.push(sighting.id);
      return 'swallow';
    };
    gate.watchers.add(watcher);
    const given = new AbortController();
    const sending = fetch(`http://${address}/write`, { method: 'POST', body: phase, signal: given.signal });
    await eventually(() => seen.length === 1, { what: `the ${phase} to be seen` });
    expect(seen).toEqual(['aggregator-1']);
    expect(written).toEqual(phase === 'answer' ? ['answer'] : []);
    given.abort();
    await expect(sending).rejects.toThrow();
    gate.watchers.delete(watcher);
  }
});
