import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultRegion } from '../fault-region.ts';
import type { Direction, Flow } from '../proxies/tcp-proxy.ts';
import { type Fault, lasting } from './fault.ts';

/** The network between daemons and Redis: cut, slow, deaf in one direction, gone for one of them. */
const allIds = (region: FaultRegion) => [...region.relayIds, ...region.aggregatorIds];

const cuts: Fault = {
  name: 'network-cuts',
  what: 'connections to Redis and to relays are reset, at random, several times a second',
  run: async ({ region, random }) => {
    const proxies = [...allIds(region).map((id) => region.link(id)), ...region.fronts.values()];
    const times = random.integer(10, 25);
    for (let i = 0; i < times; i++) {
      random.pick(proxies).cut();
      await sleep(random.between(50, 400));
    }
    return `${times} times`;
  },
};

const delays: Fault = {
  name: 'network-delay',
  what: 'every byte between daemons and Redis is late by up to a second',
  run: async ({ region, random }) => {
    for (const id of allIds(region)) region.link(id).delayMs = random.between(50, 700);
    return `for ${await lasting(random, 4_000, 7_000)}`;
  },
};

function oneWay(name: string, what: string, direction: Direction, flow: Flow, fromMs: number, toMs: number): Fault {
  return {
    name,
    what,
    holdsUpSeals: true,
    run: async ({ region, random }) => {
      const ids = allIds(region).filter(() => random.chance(0.6));
      const hit = ids.length > 0 ? ids : [random.pick(allIds(region))];
      for (const id of hit) region.link(id).setFlow(direction, flow);
      return `for ${hit.join(', ')} for ${await lasting(random, fromMs, toMs)}`;
    },
  };
}

const frontReplies: Fault = {
  name: 'front-replies-lost',
  what: 'clients reach a relay, and its answers never reach them: they send the same lines to the other one',
  run: async ({ region, random }) => {
    const id = random.pick(region.relayIds);
    region.fronts.get(id)!.setFlow('down', 'lose');
    return `answers of ${id} for ${await lasting(random, 3_000, 6_000)}`;
  },
};

function cutOff(name: string, what: string, kind: 'relay' | 'aggregator', fromMs: number, toMs: number): Fault {
  return {
    name,
    what,
    run: async ({ region, random }) => {
      const id = random.pick(kind === 'relay' ? region.relayIds : region.aggregatorIds);
      const link = region.link(id);
      link.refuses = true;
      link.cut();
      return `${id} for ${await lasting(random, fromMs, toMs)}`;
    },
  };
}

const relayForLong: Fault = {
  ...cutOff(
    'relay-cut-off',
    'a relay cannot reach Redis for longer than lateness; sealing waits for it',
    'relay',
    24_000,
    28_000,
  ),
  alone: true,
};

const beyondHold: Fault = {
  ...cutOff(
    'relay-cut-off-beyond-hold',
    'a relay cannot reach Redis for longer than lateness and --hold: what it brings then is late, and a dead letter',
    'relay',
    24_000,
    28_000,
  ),
  holdExceeded: true,
  settings: {
    latenessSec: 10,
    aggregatorSettings: ['--grace', '500ms', '--claim-idle', '2s', '--hold', '2s', '--final-keep', '15s'],
  },
};

export const NETWORK_FAULTS: readonly Fault[] = [
  cuts,
  delays,
  oneWay('replies-lost', 'what daemons send reaches Redis, and no reply comes back', 'down', 'lose', 3_000, 8_000),
  oneWay('requests-lost', 'what daemons send never reaches Redis', 'up', 'lose', 3_000, 8_000),
  oneWay(
    'requests-stalled',
    'what daemons send reaches Redis seconds later, also what they have given up by then',
    'up',
    'stall',
    4_000,
    12_000,
  ),
  oneWay('replies-stalled', 'replies of Redis come seconds later, all at once', 'down', 'stall', 3_000, 8_000),
  frontReplies,
  cutOff(
    'aggregator-cut-off',
    'an aggregator cannot reach Redis for longer than it takes to count as dead',
    'aggregator',
    6_000,
    9_000,
  ),
  relayForLong,
  beyondHold,
];
