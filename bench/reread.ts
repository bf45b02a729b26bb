import { disposeAll } from '../test/support/cleanup.ts';
import { send } from '../test/support/client.ts';
import { startDaemon } from '../test/support/daemon.ts';
import { startRedis } from '../test/support/redis-server.ts';
import { countedIn } from './counted.ts';
import { sendLoad } from './load-generator.ts';

/**
 * How soon a fresh aggregator goes on with a large window that another one built: events are counted, their aggregator stops,
 * a few more events wait for the next, which has to re-read the window's whole log before it can fold them. The clock runs
 * from its start, and from its log line `ready`, to the moment when these are counted.
 *
 *   node dist/bench/reread.js [events] [partitions]
 */
const [events = 5_000_000, partitions = 8] = process.argv.slice(2, 4).map(Number);
const MINUTE_SEC = Math.floor(Date.now() / 60_000) * 60 - 120;
/** So many users reach every partition. */
const USERS = 200;

try {
  const redis = await startRedis({ appendonly: true });
  const client = redis.client();
  const common = ['--redis', redis.url, '--http', '127.0.0.1:0', '--partitions', String(partitions)];
  const aggregatorArgs = (id: string) => [...common, '--id', id, '--sink', 'file:totals.lp'];
  const relay = await startDaemon('weir-relay', [...common, '--id', 'relay', '--udp', 'off']);
  const first = await startDaemon('weir-aggregator', aggregatorArgs('first'));
  const load = { relays: [relay.http], events, linesPerRequest: 5_000, connections: 8, groups: 20, users: 10_000 };
  const report = await sendLoad({ ...load, minuteSec: MINUTE_SEC });
  const until = async (expected: number) => {
    while ((await countedIn(client, partitions)) < expected) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await until(report.events);
  await first.stop();
  const more = Array.from(
    { length: USERS },
    (_, user) => `event_type=more,product=p value=late${user} ${MINUTE_SEC}5${'0'.repeat(8)}`,
  );
  await send(relay, more);
  const startedMs = performance.now();
  await startDaemon('weir-aggregator', aggregatorArgs('second'));
  const readyMs = performance.now();
  await until(report.events + USERS);
  const doneMs = performance.now();
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`;
  process.stdout.write(
    `${report.events.toLocaleString('en')} events in one window, ${partitions} partitions: counting on ` +
      `${seconds(doneMs - readyMs)} after ready, ${seconds(doneMs - startedMs)} after the start of the process\n`,
  );
} finally {
  await disposeAll();
}
