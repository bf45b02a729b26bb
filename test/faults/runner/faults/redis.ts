import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../../support/eventually.ts';
import { startRedis } from '../../../support/redis-server.ts';
import { TcpProxy } from '../proxies/tcp-proxy.ts';
import { type Fault, lasting } from './fault.ts';

/** Redis dies, forgets, stops answering, runs out of memory, or is replaced by a replica that had not heard it all. */
const killAof: Fault = {
  name: 'redis-kill',
  what: 'SIGKILL of Redis and a restart from its AOF (everysec): what it had not written to disk is lost',
  redisLoses: 'some',
  run: async ({ region, random }) => {
    await region.redis.kill();
    const time = await lasting(random, 500, 5_000);
    await region.redis.start();
    return `gone for ${time}`;
  },
};

const killEmpty: Fault = {
  name: 'redis-kill-empty',
  what: 'SIGKILL of Redis and a restart with an empty disk, as without any persistence',
  redisLoses: 'all',
  run: async ({ region, random }) => {
    await region.redis.kill();
    await rm(join(region.redis.dir, 'appendonlydir'), { recursive: true });
    const time = await lasting(random, 500, 3_000);
    await region.redis.start();
    return `gone for ${time}, back with nothing`;
  },
};

const freeze: Fault = {
  name: 'redis-freeze',
  what: 'SIGSTOP of Redis for longer than the timeout of commands (5 s): what was sent is carried out when it goes on',
  run: async ({ region, random }) => {
    await region.redis.pause();
    const time = await lasting(random, 6_000, 8_000);
    await region.redis.resume();
    return `frozen for ${time}`;
  },
};

const flushall: Fault = {
  name: 'redis-flushall',
  what: 'FLUSHALL and SCRIPT FLUSH in one transaction, connections stay',
  redisLoses: 'all',
  run: async ({ region, random }) => {
    await region.client.multi().flushall().script('FLUSH').exec();
    return `everything forgotten, then ${await lasting(random, 1_000, 2_000)} of traffic`;
  },
};

const scriptFlush: Fault = {
  name: 'redis-script-flush',
  what: 'SCRIPT FLUSH a few times: every script is unknown',
  run: async ({ region, random }) => {
    const times = random.integer(2, 6);
    for (let i = 0; i < times; i++) {
      await region.client.script('FLUSH');
      await lasting(random, 100, 1_000);
    }
    return `${times} times`;
  },
};

const clientPause: Fault = {
  name: 'redis-client-pause',
  what: 'CLIENT PAUSE for longer than the timeout of commands (5 s)',
  run: async ({ region, random }) => {
    const ms = random.integer(6_000, 8_000);
    await region.client.call('CLIENT', 'PAUSE', String(ms), 'ALL');
    await sleep(ms);
    return `paused for ${(ms / 1000).toFixed(1)} s`;
  },
};

const failover: Fault = {
  name: 'redis-failover',
  what: 'the link to a replica stops; the primary is killed seconds later, and the replica becomes primary at its address',
  redisLoses: 'some',
  alone: true,
  run: async ({ region, random }) => {
    const primary = region.redis;
    const link = await new TcpProxy('replication', primary.port).listen();
    const replicaOf = ['--replicaof', '127.0.0.1', String(link.port)];
    const replica = await startRedis({ appendonly: true, extraArgs: replicaOf });
    const client = replica.client();
    await eventually(async () => /^master_link_status:up/m.test(await client.info('replication')), {
      timeoutMs: 30_000,
      what: 'the replica to be in step',
    });
    await lasting(random, 500, 2_000);
    link.setFlow('down', 'stall');
    const lag = await lasting(random, 1_000, 4_000);
    await primary.kill();
    await client.call('REPLICAOF', 'NO', 'ONE');
    client.disconnect();
    await link.close();
    region.use(replica);
    return `promoted with ${lag} missing`;
  },
};

const maxmemory: Fault = {
  name: 'redis-maxmemory',
  what: 'maxmemory is set to what Redis uses: it refuses everything that could need more',
  run: async ({ region, random }) => {
    const used = /^used_memory:(\d+)/m.exec(await region.client.info('memory'))![1]!;
    await region.client.config('SET', 'maxmemory', used);
    return `at ${Math.round(Number(used) / 1024)} KiB for ${await lasting(random, 3_000, 6_000)}`;
  },
  heal: async ({ region }) => {
    await region.client.config('SET', 'maxmemory', '0');
  },
};

export const REDIS_FAULTS: readonly Fault[] = [
  killAof,
  killEmpty,
  freeze,
  flushall,
  scriptFlush,
  clientPause,
  failover,
  maxmemory,
];
