import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDeployment } from '../deployment.ts';
import { BASE_SETTINGS } from '../load/base-load.ts';
import { sendUdp } from '../load/udp-load.ts';
import { startCpuMeter } from '../measure/cpu-meter.ts';
import { highestRate } from '../measure/highest-rate.ts';
import { udpSocket } from '../measure/udp-socket.ts';
import { STATSD_VERSION, startStatsd } from '../peers/statsd.ts';
import { type Bench, type Scenario, trial } from '../scenario.ts';

/**
 * The highest rate of datagrams of which at most one in a thousand events is lost, Weir and statsd in turn, with one event a
 * datagram and with ten: with the same receive buffer, and with what each asks the kernel for as it ships.
 */
export const udp: Scenario = {
  name: 'udp',
  what: 'the highest rate of datagrams without loss, Weir beside statsd, with the same receive buffer and as each ships',
  sizes: { runs: 5, seconds: 10 },
  run: async (bench) => {
    const { runs } = bench.sizes;
    const notes = new Set<string>();
    const best = new Map<string, number>();
    for (let run = 1; run <= runs; run++) {
      for (const setup of SETUPS) await runSetup(bench, run, setup, best, notes);
      for (const eventsPerDatagram of [1, 10]) await trial(() => senderAlone(bench, eventsPerDatagram));
    }
    const { groups, users } = BASE_SETTINGS;
    const largest = largestBuffer();
    return {
      settings: { groups, users, 'lost at most': '0.1 %', 'same receive buffer': `${largest} bytes`, partitions: 8 },
      versions: { statsd: STATSD_VERSION },
      measures: bench.measures,
      notes: [...notes],
    };
  },
};

const LOST_AT_MOST = 0.001;
const WITHIN = 0.04;
const FROM = 20_000;
const FIRST_STEP = 2;
/** Where an earlier run has found about where it is. */
const KNOWN_STEP = 1.1;
/** Sent before each trial, at half its rate: code that runs for the first time is slow. */
const WARM_UP_SEC = 2;
const READ_WITHIN_MS = 60_000;

interface Setup {
  eventsPerDatagram: number;
  buffer: 'same' | 'shipped';
}

const SETUPS: readonly Setup[] = [
  { eventsPerDatagram: 1, buffer: 'same' },
  { eventsPerDatagram: 10, buffer: 'same' },
  { eventsPerDatagram: 1, buffer: 'shipped' },
  { eventsPerDatagram: 10, buffer: 'shipped' },
];

interface Receiver {
  port: number;
  /** Events counted so far that are of datagrams; called when nothing waits in the socket any more. */
  counted: () => Promise<number>;
  processes: Parameters<typeof startCpuMeter>[0];
}

async function runSetup(bench: Bench, run: number, setup: Setup, best: Map<string, number>, notes: Set<string>) {
  const { eventsPerDatagram, buffer } = setup;
  const name = `${eventsPerDatagram} a datagram, ${buffer === 'same' ? 'same buffer' : 'as shipped'}`;
  const rates: number[] = [];
  for (const [system, startReceiver] of [
    ['Weir', startWeir],
    ['statsd', startStatsdServer],
  ] as const) {
    bench.say(`run ${run} of ${bench.sizes.runs}, ${name}: ${system}`);
    const key = `${system}, ${name}`;
    const form = system === 'Weir' ? 'weir' : 'statsd';
    const attempt = (rate: number) => trial(() => attemptAt({ bench, rate, setup, form, start: startReceiver }));
    const known = best.get(key);
    const start = known ? { from: known, step: KNOWN_STEP } : { from: FROM, step: FIRST_STEP };
    const found = await highestRate({ ...start, within: WITHIN, attempt });
    best.set(key, found.rate);
    if (found.senderWasTheLimit) notes.add(`The sender was the limit, and more may be possible: ${key}`);
    bench.add(key, 'datagrams/s', found.rate);
    rates.push(found.rate);
  }
  const atLeast = eventsPerDatagram === 1 ? 2.5 : 3;
  const target = buffer === 'same' ? { atLeast } : undefined;
  bench.add(`${name}: Weir to statsd`, 'times', rates[0]! / rates[1]!, target);
}

async function attemptAt(options: {
  bench: Bench;
  rate: number;
  setup: Setup;
  form: 'weir' | 'statsd';
  start: (setup: Setup) => Promise<Receiver>;
}): Promise<{ passed: boolean; rate: number }> {
  const { bench, rate, setup, form, start } = options;
  const { eventsPerDatagram } = setup;
  const receiver = await start(setup);
  const load = { port: receiver.port, form, eventsPerDatagram };
  const warm = await sendUdp({ ...load, datagramsPerSecond: rate / 2, seconds: WARM_UP_SEC });
  await untilRead(receiver.port);
  const droppedWarm = socketAt(receiver.port).dropped;
  const meter = startCpuMeter(receiver.processes);
  const sent = await sendUdp({ ...load, datagramsPerSecond: rate, seconds: bench.sizes.seconds });
  bench.noteOthers(meter());
  await untilRead(receiver.port);
  const lost = socketAt(receiver.port).dropped - droppedWarm;
  const all = (warm.datagrams + sent.datagrams - droppedWarm - lost) * eventsPerDatagram;
  const counted = await receiver.counted();
  const ran = sent.datagrams / sent.seconds;
  const share = (lost * eventsPerDatagram + all - counted) / (sent.datagrams * eventsPerDatagram);
  bench.say(`  ${Math.round(ran).toLocaleString('en')} datagrams/s: ${(share * 100).toFixed(2)} % lost`);
  return { passed: share <= LOST_AT_MOST, rate: ran };
}

async function startWeir({ buffer }: Setup): Promise<Receiver> {
  const relaySettings = buffer === 'same' ? ['--udp-receive-buffer', String(largestBuffer())] : [];
  const weir = await startDeployment({ relaySettings });
  const port = Number(weir.relays[0]!.udp.split(':')[1]);
  return { port, counted: () => weir.untilQuiet(), processes: weir.processes };
}

async function startStatsdServer({ buffer }: Setup): Promise<Receiver> {
  const receiveBuffer = buffer === 'same' ? { receiveBufferBytes: largestBuffer() } : {};
  const statsd = await startStatsd({ transport: 'udp', ...receiveBuffer });
  const counted = async () => {
    let events = 0;
    for (const totals of (await statsd.finish(0)).values()) events += totals.events;
    return events;
  };
  return { port: statsd.port, counted, processes: { statsd: [statsd] } };
}

/** What a sender can do against a socket that nobody reads, so that a receiver's limit is not taken for the sender's. */
async function senderAlone(bench: Bench, eventsPerDatagram: number): Promise<void> {
  const deaf = createSocket('udp4');
  await new Promise<void>((resolve) => deaf.bind(0, '127.0.0.1', resolve));
  const { port } = deaf.address();
  const seconds = Math.min(2, bench.sizes.seconds);
  try {
    const { datagrams, seconds: took, cpuUs } = await sendUdp({ port, form: 'weir', eventsPerDatagram, seconds });
    bench.add(`the sender alone, ${eventsPerDatagram} a datagram`, 'datagrams/s', datagrams / took);
    bench.add(`the sender alone, ${eventsPerDatagram} a datagram: CPU`, 'µs/datagram', cpuUs);
  } finally {
    deaf.close();
  }
}

/** The most that the kernel grants to any socket. */
function largestBuffer(): number {
  return Number(readFileSync('/proc/sys/net/core/rmem_max', 'latin1'));
}

async function untilRead(port: number): Promise<void> {
  const deadline = performance.now() + READ_WITHIN_MS;
  while (socketAt(port).waitingBytes > 0) {
    if (performance.now() > deadline) throw new Error(`the socket at UDP port ${port} is not read`);
    await sleep(20);
  }
}

function socketAt(port: number): { waitingBytes: number; dropped: number } {
  const socket = udpSocket(readFileSync('/proc/net/udp', 'latin1'), port);
  if (!socket) throw new Error(`no socket listens at UDP port ${port}`);
  return socket;
}
