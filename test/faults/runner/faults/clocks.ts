import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Fault, type FaultContext, lasting } from './fault.ts';

/** Machines whose clocks are an hour off. Only libfaketime can show that without touching the clock of this machine. */
const LIBRARY_DIRS = '/usr/lib';

const clocks: Fault = {
  name: 'clocks-off',
  what: 'a relay is started with its clock an hour ahead, an aggregator with its clock an hour behind (libfaketime)',
  relayEnds: true,
  alone: true,
  missing: () => (findFaketime() ? undefined : 'needs libfaketime: apt-get install faketime'),
  run: async (context) => {
    const { random, region } = context;
    const relay = random.pick(region.relayIds);
    const aggregator = random.pick(region.aggregatorIds);
    await startWithClock(context, relay, '+3600');
    await startWithClock(context, aggregator, '-3600');
    return `${relay} an hour ahead, ${aggregator} an hour behind for ${await lasting(random, 5_000, 9_000)}`;
  },
  heal: async ({ region }) => {
    // Who has a wrong clock is not known any more; a restart costs nothing.
    for (const id of [...region.relayIds, ...region.aggregatorIds]) {
      await region.daemon(id).stop();
      await region.startDaemon(id);
    }
  },
};

async function startWithClock({ region }: FaultContext, id: string, offsetSec: string): Promise<void> {
  await region.daemon(id).stop();
  // Timers go by the monotonic clock, which no machine has wrong.
  const env = { LD_PRELOAD: findFaketime(), FAKETIME: offsetSec, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  await region.startDaemon(id, { ...env, DONT_FAKE_MONOTONIC: '1' });
}

function findFaketime(): string | undefined {
  const dirs = readdirSync(LIBRARY_DIRS).map((name) => join(LIBRARY_DIRS, name, 'faketime'));
  return [join(LIBRARY_DIRS, 'faketime'), ...dirs]
    .map((dir) => join(dir, 'libfaketimeMT.so.1'))
    .find((file) => existsSync(file));
}

export const CLOCK_FAULTS: readonly Fault[] = [clocks];
