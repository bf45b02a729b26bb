import { createSocket } from 'node:dgram';
import { parseStreamEntry } from '@weir/common/batch';
import { partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { cleanup } from '../support/cleanup.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { startRedis } from '../support/redis-server.ts';

let redis: Redis;
async function startRelay(...more: string[]): Promise<Daemon> {
  const server = await startRedis();
  redis = server.client();
  const place = ['--redis', server.url, '--http', '127.0.0.1:0', '--udp', '127.0.0.1:0', '--id', 'az1'];
  return startDaemon('weir-relay', [...place, ...more]);
}

async function send(relay: Daemon, datagrams: readonly (string | Buffer)[]): Promise<void> {
  const socket = createSocket('udp4');
  cleanup('udp socket', () => socket.close());
  const [host, port] = relay.udp.split(':') as [string, string];
  for (const datagram of datagrams) {
    await new Promise<void>((resolve, reject) => {
      socket.send(datagram, Number(port), host, (error) => (error ? reject(error) : resolve()));
    });
  }
}

async function linesInRedis(): Promise<string[]> {
  const lines: string[] = [];
  for (let partition = 0; partition < 8; partition++) {
    for (const [id, fields] of await redis.xrangeBuffer(partitionKeys('weir', partition).stream, '-', '+')) {
      lines.push(...parseStreamEntry(id.toString(), fields)!.lines.toString().split('\n').slice(0, -1));
    }
  }
  return lines.sort();
}

const line = (user: string) => `event_type=a,product=b value=${user} 1478507534415525888`;

test.each(['thread', 'node'])(
  'datagrams of one or more lines end up in Redis, read by %s; bad ones harm nobody',
  async (reader) => {
    const relay = await startRelay('--udp-reader', reader);
    await send(relay, [
      line('a'),
      `${line('b')}\n${line('c')}\n`,
      '',
      Buffer.alloc(60_000, 'x'),
      Buffer.from([0, 1, 2, 255, 254]),
      'event_type=half,pro',
      `${line('d')}\n\0\n${line('e')}`,
      `event_type=a,product=b value=u ${Date.now() + 3_600_000}000000`,
      line('f'),
    ]);
    await eventually(async () => (await linesInRedis()).length === 6, { what: 'the good lines' });
    expect(await linesInRedis()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'].map(line));
    expect(await relay.metric('weir_relay_udp_datagrams_total')).toBe(9);
    expect(await relay.metric('weir_relay_lines_accepted_total{door="udp"}')).toBe(6);
    expect(await relay.metric('weir_relay_lines_rejected_total{door="udp",reason="future"}')).toBe(1);
    expect(await relay.metric('weir_relay_lines_rejected_total{door="udp",reason="control-character"}')).toBe(2);
  },
);

test('datagrams that had arrived when the relay was told to stop end up in Redis', async () => {
  const relay = await startRelay('--udp-receive-buffer', '200KiB');
  await relay.pause();
  await send(
    relay,
    Array.from({ length: 100 }, (_, i) => line(`late-${i}`)),
  );
  // It hears of it before it can read.
  process.kill(relay.pid, 'SIGTERM');
  const exit = relay.untilExit();
  await relay.resume();
  expect(await exit).toMatchObject({ code: 0 });
  expect((await linesInRedis()).length).toBe(100);
});

test('what the kernel drops is counted', async () => {
  const relay = await startRelay('--udp-receive-buffer', '16KiB');
  await relay.pause();
  await send(
    relay,
    Array.from({ length: 2000 }, (_, i) => line(`drop-${i}`)),
  );
  await relay.resume();
  await eventually(async () => (await relay.metric('weir_relay_udp_kernel_drops_total'))! > 0, { what: 'drops' });
  const drops = (await relay.metric('weir_relay_udp_kernel_drops_total'))!;
  await eventually(async () => (await linesInRedis()).length === 2000 - drops, { what: 'all others in Redis' });
  expect(relay.logs.some(({ msg }) => /the kernel dropped datagrams/.test(msg))).toBe(true);
});
