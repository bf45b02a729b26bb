import { Folder } from '@weir/aggregator/folder';
import { Membership } from '@weir/aggregator/membership';
import { PartitionMemory } from '@weir/aggregator/partition-memory';
import { PartitionWorker } from '@weir/aggregator/partition-worker';
import { Publisher } from '@weir/aggregator/publisher';
import { Turns } from '@weir/aggregator/turns';
import { RedisTime } from '@weir/common/clock';
import { silentLogger } from '@weir/common/logger';
import { Connection } from './connection.ts';
import type { Faults } from './faults.ts';
import { SimEntrySource, SimHeartbeats, SimPartitionStore } from './ports.ts';
import type { SimRedis } from './redis/sim-redis.ts';
import { EPOCH_MS, type Scenario, TIMES } from './scenario.ts';
import { SimProcess } from './sim-process.ts';
import type { SimDatabase } from './sim-sink.ts';
import { WindowLife } from './window-life.ts';
import type { World } from './world.ts';

/**
 * An aggregator: the real worker, folder, memory and publisher of each partition it reads, put together as partitions.ts
 * does, and the rest of a window's life beside them.
 */
export interface SimAggregatorOptions {
  world: World;
  redis: SimRedis;
  faults: Faults;
  scenario: Scenario;
  databases: readonly SimDatabase[];
  id: string;
}

const ASSIGN_EVERY_MS = 500;
const SUSPECT_CRASHES = 2;

export class SimAggregator {
  readonly process: SimProcess;
  readonly #options: SimAggregatorOptions;
  readonly #incarnation: string;
  readonly #commands: Connection;
  readonly #membership: Membership;
  readonly #stores: readonly SimPartitionStore[];
  readonly #life: WindowLife | undefined;
  readonly #workers = new Map<number, { stop: () => Promise<void> }>();

  constructor(options: SimAggregatorOptions) {
    const { world, redis, faults, scenario, id } = options;
    this.#options = options;
    this.process = new SimProcess(world, id);
    this.#incarnation = world.random.hex();
    this.#commands = new Connection(this.process, redis, faults);
    const time = new RedisTime(this.process.clock, EPOCH_MS + world.nowMs);
    const { clock } = this.process;
    this.#membership = new Membership({
      heartbeats: new SimHeartbeats(this.#commands, redis),
      id,
      incarnation: this.#incarnation,
      clock,
      time,
      onRollback: (nowMs) => this.#life?.onRollback(nowMs),
      onClockJump: () => world.violate('a clock jumped that did not'),
      // Nobody else lives under this id, so whoever is told so goes for nothing.
      fail: (error) => this.process.judge(error),
      logger: silentLogger,
      times: TIMES,
    });
    this.#membership.start().catch((error) => this.process.judge(error));
    this.#stores = Array.from(
      { length: scenario.partitions },
      (_, partition) => new SimPartitionStore(this.#commands, redis, partition),
    );
    if (scenario.kind !== 'folding') {
      this.#life = new WindowLife({
        ...options,
        process: this.process,
        commands: this.#commands,
        incarnation: this.#incarnation,
        membership: this.#membership,
        stores: this.#stores,
        time,
      });
    }
    this.process.repeat(ASSIGN_EVERY_MS, () => this.#assign());
  }

  async #assign(): Promise<void> {
    const { everybodyReads } = this.#options.scenario;
    for (const store of this.#stores) {
      const { partition } = store;
      const wanted = everybodyReads || this.#membership.owns(partition);
      const worker = this.#workers.get(partition);
      if (wanted && !worker) {
        this.#begin(store);
      } else if (!wanted && worker) {
        await worker.stop();
        this.#workers.delete(partition);
      }
    }
  }

  #begin(store: SimPartitionStore): void {
    const { world, redis, faults, scenario, id } = this.#options;
    const { partition } = store;
    const { clock } = this.process;
    const { random } = world;
    const reader = new Connection(this.process, redis, faults);
    const memory = new PartitionMemory({ store, newSeed: () => random.hex() });
    const turns = new Turns();
    const fail = (error: unknown) => this.process.judge(error);
    const folder = new Folder({
      store,
      memory,
      limits: scenario.store,
      digest: { identity: 'content', windowSec: scenario.store.windowSec },
      clock,
      random: () => random.fraction(),
      nonce: () => random.bytes(16),
      isOwner: () => this.#membership.owns(partition),
      events: {
        folded: (plan) => world.say(() => `${id}: folded ${plan.counted} new, ${plan.duplicates} known`),
        conflict: (kind) => world.say(() => `${id}: refused for ${kind}`),
      },
      logger: silentLogger,
    });
    const worker = new PartitionWorker({
      partition,
      consumer: id,
      source: new SimEntrySource({
        reader,
        commands: this.#commands,
        redis,
        partition,
        consumer: id,
        incarnation: this.#incarnation,
        suspectCrashes: SUSPECT_CRASHES,
      }),
      folder,
      memory,
      turns,
      clock,
      claimIdleMs: TIMES.claimIdleMs,
      claimEveryMs: TIMES.claimEveryMs,
      blockMs: TIMES.blockMs,
      foldLines: 6,
      gatherMs: 5,
      // A few entries at once: an entry is taken for 64 KiB until it is known better.
      readBytes: 64 * 1024 * random.integer(1, 4),
      maxDeliveries: 5,
      alive: () => ({ consumers: this.#membership.ids, incarnations: this.#membership.incarnations }),
      epoch: () => this.#commands.losses + reader.losses,
      events: {
        claimed: () => undefined,
        lost: () => world.violate('a pending entry was deleted'),
        fault: () => undefined,
      },
      logger: silentLogger,
      fail,
    });
    let wanted = true;
    if (this.#life) {
      // Its own: a process that crashes leaves its listeners behind.
      const notStopped = new AbortController().signal;
      const publisher = new Publisher({
        store,
        memory,
        turns,
        clock,
        times: { windowSec: scenario.store.windowSec, graceMs: TIMES.graceMs, republishMs: TIMES.republishMs },
        firstOpenedMs: (startSec) => this.#life?.openedMs(startSec),
        intervalMs: TIMES.loopMs,
        maxBytes: () => (random.chance(0.1) ? 0 : Number.POSITIVE_INFINITY),
        events: { published: () => undefined, evicted: () => undefined, fault: () => undefined },
        logger: silentLogger,
        fail,
      });
      this.process.repeat(TIMES.loopMs, async () => {
        if (wanted) await publisher.runOnce(notStopped);
      });
    }
    this.process.repeat(TIMES.loopMs * 2, async () => {
      if (wanted) await store.trim();
    });
    void worker.start();
    this.#workers.set(partition, {
      stop: async () => {
        wanted = false;
        await worker.stop();
      },
    });
  }
}
