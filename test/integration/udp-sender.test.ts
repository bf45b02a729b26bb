import { Child } from '../support/child.ts';
import type { Daemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { startRegion } from '../support/region.ts';
import { makeTraffic } from '../support/traffic.ts';

/**
 * Datagrams of a sender that is none of ours. Bash opens /dev/udp, and the `printf` of coreutils writes all of its text at
 * once, where bash's own writes line by line.
 */
const SEND_EACH = 'to=/dev/udp/$1/$2; shift 2; for datagram; do env printf "%s\\n" "$datagram" >"$to"; done';
/** Fewer than the kernel holds by default for a relay that is not reading just then. */
const DATAGRAMS_AT_ONCE = 50;

async function sendFromBash(relay: Daemon, datagrams: readonly string[]): Promise<void> {
  const [host, port] = relay.udp.split(':') as [string, string];
  for (let i = 0; i < datagrams.length; i += DATAGRAMS_AT_ONCE) {
    const some = datagrams.slice(i, i + DATAGRAMS_AT_ONCE);
    const read = (await relay.metric('weir_relay_udp_datagrams_total'))!;
    const child = await Child.start({
      name: 'bash',
      command: 'bash',
      args: ['-c', SEND_EACH, 'bash', host, port, ...some],
    });
    expect(await child.exited).toEqual({ code: 0, signal: null });
    await eventually(async () => (await relay.metric('weir_relay_udp_datagrams_total')) === read + some.length, {
      what: `${some.length} more datagrams to be read`,
      everyMs: 10,
    });
  }
}

test('datagrams of several lines at two relays, many of them at both, end in both InfluxDBs exactly', async () => {
  const region = await startRegion({ aggregators: 1 });
  const [one, two] = region.relays as [Daemon, Daemon];
  const traffic = makeTraffic({ seed: 11, events: 1_000, windows: 3, linesPerRequest: 5, repeats: 0.1 });
  const datagrams = traffic.requests.map((lines) => lines.join('\n'));
  const half = Math.floor(datagrams.length / 2);
  await Promise.all([sendFromBash(one, datagrams.slice(0, half + 50)), sendFromBash(two, datagrams.slice(half))]);
  await region.untilPoints(traffic.oracle.points());
  const sentTwice = traffic.requests.slice(half, half + 50).flat().length;
  const folded = await region.untilFolded(traffic.lines + sentTwice);
  expect(folded).toMatchObject({ counted: traffic.oracle.events, dead: {} });
  for (const relay of region.relays) {
    expect(await relay.metric('weir_relay_udp_kernel_drops_total')).toBe(0);
    expect(await relay.metric('weir_relay_udp_socket_errors_total')).toBe(0);
  }
});
