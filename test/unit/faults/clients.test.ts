import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Random } from '@weir/common/random';
import { BooksOfTruth } from '../../faults/runner/books-of-truth.ts';
import { Clients } from '../../faults/runner/clients.ts';
import { OtherTruth } from '../../faults/runner/other-truth.ts';
import { cleanup } from '../../support/cleanup.ts';
import { eventually } from '../../support/eventually.ts';

/** A relay that answers what it is told, and remembers the lines it got. */
async function relay(status: () => number): Promise<{ address: string; lines: string[]; requests: number[] }> {
  const lines: string[] = [];
  const requests: number[] = [];
  const server = createServer((asked, answer) => {
    let body = '';
    asked.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    asked.on('end', () => {
      const own = body.split('\n').filter((line) => line !== '');
      lines.push(...own);
      requests.push(own.length);
      answer.writeHead(status()).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup('relay', () => {
    server.close();
    server.closeAllConnections();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, lines, requests };
}

function crowd(relays: readonly string[], seed = 1) {
  const truth = new BooksOfTruth(5);
  const others = new OtherTruth();
  const random = new Random(seed);
  const clients = new Clients({ relays, random, truth, others, eventsPerSecond: 400, windowLifeMs: 25_000 });
  clients.repeatShare = 0;
  clients.giveUpShare = 0;
  return { clients, truth, others };
}

test('what one relay refuses with 503 is sent to the other, every line of it, and counts as answered only then', async () => {
  const away = await relay(() => 503);
  const well = await relay(() => 204);
  const { clients, truth, others } = crowd([away.address, well.address]);
  clients.sendEvents(300);
  expect(truth.sent).toBe(300);
  expect([truth.acked, others.acked.size]).toEqual([0, 0]);
  await eventually(() => clients.open === 0, { what: 'every request to be answered' });
  expect(truth.acked).toBe(300);
  expect(others.acked.size).toBeGreaterThan(0);
  expect(others.acked).toEqual(others.sent);
  expect(new Set(well.lines).size).toBe(300 + others.sent.size);
  expect(clients.retries).toBe(away.requests.length);
});

test('who gives up never learns what became of the lines', async () => {
  const away = await relay(() => 503);
  const { clients, truth } = crowd([away.address]);
  clients.giveUpShare = 1;
  clients.sendEvents(10);
  await eventually(() => clients.open === 0, { what: 'every request to be given up' });
  expect(truth.acked).toBe(0);
  expect(clients.givenUp).toBe(away.requests.length / 3);
});

test('a refusal of good lines is noted, and not tried again', async () => {
  const strict = await relay(() => 400);
  const { clients } = crowd([strict.address]);
  clients.sendEvents(3);
  await eventually(() => clients.open === 0, { what: 'every request to be refused' });
  expect(clients.refusals).toHaveLength(strict.requests.length);
});

test('repeats bring the same events again, in lines that are known', async () => {
  const well = await relay(() => 204);
  const { clients, truth } = crowd([well.address]);
  clients.repeatShare = 0.5;
  clients.sendEvents(500);
  await eventually(() => clients.open === 0, { what: 'every repeat to be answered' });
  expect(well.lines.length).toBeGreaterThan(500);
  expect(new Set(well.lines.flatMap((line) => clients.nameOfLine.get(line) ?? [])).size).toBe(500);
  expect(truth.acked).toBe(500);
});
