import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { disposeAll } from '../test/support/cleanup.ts';
import { startDaemon } from '../test/support/daemon.ts';
import { startRedis } from '../test/support/redis-server.ts';
import { countedIn } from './counted.ts';
import { type LoadReport, sendLoad } from './load-generator.ts';

/**
 * Events per second through the whole way: HTTP, relay, Redis with AOF everysec, aggregator, all on this machine,
 * generator included. The clock stops when the ledger says that every event is counted.
 *
 *   node dist/bench/whole-way.js [events] [lines per request] [partitions] [relays] [aggregators] [relay setting …]
 *   node dist/bench/whole-way.js 2000000 5000 8 1 1 --journal off
 */
const numbers = process.argv.slice(2, 7).map(Number);
const [events = 2_000_000, linesPerRequest = 5_000, partitions = 8, relayCount = 1, aggregatorCount = 1] = numbers;
const relaySettings = process.argv.slice(7);

try {
  const redis = await startRedis({ appendonly: true });
  const client = redis.client();
  const common = ['--redis', redis.url, '--http', '127.0.0.1:0', '--partitions', String(partitions)];
  const relays = [];
  for (let i = 0; i < relayCount; i++) {
    relays.push(await startDaemon('weir-relay', [...common, '--id', `relay${i}`, '--udp', 'off', ...relaySettings]));
  }
  const aggregators = [];
  for (let i = 0; i < aggregatorCount; i++) {
    const args = [...common, '--id', `aggregator${i}`, '--sink', 'file:totals.lp'];
    aggregators.push(await startDaemon('weir-aggregator', args));
  }
  const processes = { relay: relays, aggregator: aggregators, redis: [redis] };
  const cpuBefore = cpuOf(processes);
  const ownBefore = process.cpuUsage();
  const startedMs = performance.now();
  const report = await sendLoad({
    relays: relays.map(({ http }) => http),
    events,
    linesPerRequest,
    connections: 8,
    groups: 20,
    users: 10_000,
    minuteSec: Math.floor(Date.now() / 60_000) * 60 - 120,
  });
  await untilCounted(client, partitions, report.events);
  const seconds = (performance.now() - startedMs) / 1000;
  print(report, seconds, cpuBefore, cpuOf(processes), process.cpuUsage(ownBefore));
} finally {
  await disposeAll();
}

async function untilCounted(client: Redis, partitionCount: number, expected: number): Promise<void> {
  for (;;) {
    const counted = await countedIn(client, partitionCount);
    if (counted > expected) throw new Error(`${counted} counted of ${expected} sent`);
    if (counted === expected) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** CPU seconds so far, by kind of process; the kernel counts in hundredths. */
function cpuOf(processes: Record<string, readonly { pid: number }[]>): Map<string, number> {
  const seconds = ({ pid }: { pid: number }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  };
  return new Map(
    Object.entries(processes).map(([kind, list]) => [kind, list.reduce((sum, one) => sum + seconds(one), 0)]),
  );
}

function print(
  report: LoadReport,
  seconds: number,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  own: NodeJS.CpuUsage,
): void {
  const perEvent = (cpuSeconds: number) => `${((cpuSeconds / report.events) * 1e6).toFixed(2)} µs`;
  process.stdout.write(
    `${report.events} events, ${linesPerRequest} lines per request, ${partitions} partitions, ` +
      `${relayCount} relays, ${aggregatorCount} aggregators\n` +
      `accepted in ${report.seconds.toFixed(2)} s, all counted in ${seconds.toFixed(2)} s: ` +
      `${Math.round(report.events / seconds).toLocaleString('en')} events/s; ${report.retries} requests sent again\n` +
      `CPU per event: ${[...after].map(([kind, total]) => `${kind} ${perEvent(total - before.get(kind)!)}`).join(', ')}, ` +
      `generator ${perEvent((own.user + own.system) / 1e6)}\n`,
  );
}
