import { type Fault, type FaultContext, lasting } from './fault.ts';

/** Processes that die, freeze, are restarted one after the other, or become more and fewer. */
function kill(kind: 'relay' | 'aggregator'): Fault {
  return {
    name: `${kind}-kill`,
    what: `SIGKILL of a random ${kind}, started again under the same name after a while`,
    relayEnds: kind === 'relay',
    run: async ({ region, random }) => {
      const id = random.pick(kind === 'relay' ? region.relayIds : region.aggregatorIds);
      await region.daemon(id).kill();
      return `${id} killed, gone for ${await lasting(random, 500, 8_000)}`;
    },
  };
}

function freeze(kind: 'relay' | 'aggregator'): Fault {
  return {
    name: `${kind}-freeze`,
    what: `SIGSTOP of a random ${kind} for longer than --claim-idle and than it takes to count as dead`,
    run: async ({ region, random }) => {
      const id = random.pick(kind === 'relay' ? region.relayIds : region.aggregatorIds);
      await region.freeze(id);
      return `${id} frozen for ${await lasting(random, 6_000, 9_000)}`;
    },
  };
}

const influxdKill: Fault = {
  name: 'influxd-kill',
  what: 'SIGKILL of one InfluxDB, started again after a while',
  run: async ({ region, random }) => {
    const i = random.integer(0, region.influxds.length - 1);
    await region.influxds[i]!.kill();
    return `InfluxDB of az${i + 1} killed, gone for ${await lasting(random, 2_000, 6_000)}`;
  },
};

const influxdFreeze: Fault = {
  name: 'influxd-freeze',
  what: 'SIGSTOP of one InfluxDB for longer than its timeout of 10 s: what was sent to it is carried out much later',
  run: async ({ region, random }) => {
    const i = random.integer(0, region.influxds.length - 1);
    const influxd = region.influxds[i]!;
    await influxd.pause();
    const time = await lasting(random, 11_000, 14_000);
    await influxd.resume();
    return `InfluxDB of az${i + 1} frozen for ${time}`;
  },
};

/** SIGTERM must be enough, within the ten seconds of --drain. */
async function restart({ region }: FaultContext, id: string): Promise<number> {
  const startedMs = performance.now();
  await region.daemon(id).stop();
  const tookMs = performance.now() - startedMs;
  if (tookMs > 10_500) throw new Error(`${id} took ${Math.round(tookMs)} ms to end after SIGTERM`);
  await region.startDaemon(id);
  return tookMs;
}

const rollingRestart: Fault = {
  name: 'rolling-restart',
  what: 'every relay and aggregator in turn gets SIGTERM under traffic, must end with 0 within 10 s, and is started again',
  relayEnds: true,
  alone: true,
  run: async (context) => {
    const { region } = context;
    let slowestMs = 0;
    for (const id of [...region.relayIds, ...region.aggregatorIds]) {
      slowestMs = Math.max(slowestMs, await restart(context, id));
    }
    return `every daemon restarted, the slowest ended in ${Math.round(slowestMs)} ms`;
  },
};

const scaling: Fault = {
  name: 'scaling',
  what: 'aggregators become five, then one (SIGTERM for some, SIGKILL for others), then as many as before',
  alone: true,
  run: async ({ region, random }) => {
    const more = ['aggregator-4', 'aggregator-5'];
    await Promise.all(more.map((id) => region.startDaemon(id)));
    await lasting(random, 2_000, 4_000);
    for (const id of ['aggregator-2', ...more]) {
      if (random.chance(0.5)) await region.daemon(id).stop();
      else await region.daemon(id).kill();
    }
    await region.daemon('aggregator-3').stop();
    return `five, then only aggregator-1 for ${await lasting(random, 4_000, 8_000)}`;
  },
};

const duplicateStorm: Fault = {
  name: 'duplicate-storm',
  what: 'clients send almost every request again and again, at either relay',
  run: async ({ clients, random }) => {
    const before = clients.repeats;
    const share = clients.repeatShare;
    clients.repeatShare = 0.85;
    const time = await lasting(random, 5_000, 8_000);
    clients.repeatShare = share;
    return `${clients.repeats - before} requests sent again within ${time}`;
  },
};

export const PROCESS_FAULTS: readonly Fault[] = [
  kill('relay'),
  kill('aggregator'),
  freeze('relay'),
  freeze('aggregator'),
  influxdKill,
  influxdFreeze,
  rollingRestart,
  scaling,
  duplicateStorm,
];
