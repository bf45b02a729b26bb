import { Random } from '@weir/common/random';
import { Clients } from './clients.ts';
import { Faults } from './faults.ts';
import { atRest, booksFault, finalFault, foldFault, unrest } from './invariants.ts';
import type { CountedWindow } from './oracle.ts';
import { NOTHING_LEFT_OUT, type Without } from './redis/checks.ts';
import type { AppendedBatch } from './redis/partition-state.ts';
import { SimRedis, type Snapshot } from './redis/sim-redis.ts';
import { drawScenario, EPOCH_MS, type Focus, REST_WITHIN_MS, type Scenario, TIMES } from './scenario.ts';
import { SimAggregator } from './sim-aggregator.ts';
import { SimDisk } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';
import { SimRelay } from './sim-relay.ts';
import { LATEST_WRITE_MS, SimDatabase } from './sim-sink.ts';
import { drawRequests } from './workload.ts';
import { World } from './world.ts';

/**
 * One run: a region is drawn from the seed, lives through its faults, heals, comes to rest, and is judged. The same seed
 * is the same run, to the last reply.
 */
export interface Outcome {
  seed: number;
  /** What went wrong first; undefined when all held. */
  violation: string | undefined;
  events: number;
  trace: readonly string[];
}

export interface SimulateOptions {
  without?: Without;
  tracing?: boolean;
  focus?: Focus;
}

export async function simulate(
  seed: number,
  { without = NOTHING_LEFT_OUT, tracing = false, focus = {} }: SimulateOptions = {},
): Promise<Outcome> {
  const simulation = new Simulation(new World(new Random(seed), { tracing }), without, focus);
  await simulation.run();
  const { world } = simulation;
  return { seed, violation: world.violation, events: world.events, trace: world.trace };
}

const MAX_SNAPSHOTS = 4;
/** Two probes of a relay. */
const NOTICED_WITHIN_MS = TIMES.beatEveryMs * 2.5;

export class Simulation {
  readonly world: World;
  readonly scenario: Scenario;
  readonly redis: SimRedis;
  readonly faults: Faults;
  readonly clients: Clients;
  readonly relays: SimRelay[] = [];
  /** Those that died, too. */
  readonly relaysEver: SimRelay[] = [];
  /** Of the relays, by their number. */
  readonly disks: readonly SimDisk[] = [new SimDisk(), new SimDisk()];
  readonly databases: readonly SimDatabase[];
  /** Every batch that was ever appended, whatever Redis knows of it today; as it was the first time. */
  readonly appended = new Map<string, AppendedBatch>();
  /** Filled in at the end, by partition. */
  counted: CountedWindow[][] = [];
  rollbacks = 0;
  /** By Redis's clock: when it last went back. */
  rolledBackMs = Number.NEGATIVE_INFINITY;
  readonly #aggregators: SimAggregator[] = [];
  readonly #snapshots: Snapshot[];

  constructor(world: World, without: Without, focus: Focus) {
    this.world = world;
    const { random } = world;
    this.scenario = drawScenario(random, focus);
    world.say(() => JSON.stringify(this.scenario));
    const { partitions, store } = this.scenario;
    this.redis = new SimRedis(world, { partitions, store, without, epochMs: EPOCH_MS });
    this.redis.onAppend((name, batch) => {
      if (!this.appended.has(name)) this.appended.set(name, batch);
    });
    this.redis.onStep(() => {
      const fault = booksFault(this);
      if (fault) world.violate(fault);
    });
    this.redis.onFold((state, plan) => {
      const fault = foldFault(state, plan, this.scenario, this.redis.nowMs);
      if (fault) world.violate(fault);
    });
    this.#snapshots = [this.redis.save()];
    this.faults = new Faults(random, this.scenario);
    this.databases = this.scenario.kind !== 'folding' ? ['az1', 'az2'].map((name) => new SimDatabase(world, name)) : [];
    for (let i = 0; i < 2; i++) this.#startRelay(i);
    for (let i = 0; i < this.scenario.aggregators; i++) this.#startAggregator(i);
    this.clients = new Clients(world, this.faults, this.relays, drawRequests(random, this.scenario));
  }

  async run(): Promise<void> {
    const { world, scenario, faults } = this;
    this.#scheduleChaos();
    await world.run(() => false, scenario.chaosMs);
    world.say(() => 'the world heals');
    faults.heal();
    for (const disk of this.disks) disk.heal();
    for (const [i, { process }] of this.relays.entries()) if (!process.alive) this.#startRelay(i);
    for (const [i, { process }] of this.#aggregators.entries()) if (!process.alive) this.#startAggregator(i);
    // Whoever is still paused, or has not asked yet, does not know what Redis has lost.
    await world.run(() => false, this.#pauseLeftMs() + NOTICED_WITHIN_MS);
    const rested = await world.run(() => atRest(this), REST_WITHIN_MS);
    if (world.violation !== undefined) return;
    if (!rested) {
      world.violate(`no rest within ${REST_WITHIN_MS} ms: ${unrest(this)}`);
      return;
    }
    // Writes that were given up have landed by then; what they did must not last.
    if (scenario.kind !== 'folding') await world.run(() => false, LATEST_WRITE_MS);
    if (world.violation !== undefined) return;
    // A writer that came back from the dead takes confirmations back, and somebody else has to see to them.
    if (scenario.kind === 'flushing') await world.run(() => false, TIMES.lookAgainMs);
    await world.run(() => atRest(this), REST_WITHIN_MS);
    const fault = finalFault(this);
    if (fault) world.violate(fault);
  }

  #scheduleChaos(): void {
    const { world, scenario, redis } = this;
    const { random } = world;
    for (const [i] of this.relays.entries()) {
      this.#again(scenario.crashEveryMs * 1.5, () => this.#crashRelay(i));
      this.#again(scenario.pauseEveryMs * 2, () => this.relays[i]!.process.pause(this.#pauseMs()));
    }
    if (scenario.diskFaults) {
      for (const disk of this.disks) this.#again(scenario.chaosMs / 4, () => this.#refuse(disk));
    }
    for (const [i] of this.#aggregators.entries()) {
      this.#again(scenario.crashEveryMs, () => this.#crash(this.#aggregators, i, () => this.#startAggregator(i)));
      this.#again(scenario.pauseEveryMs, () => this.#aggregators[i]!.process.pause(this.#pauseMs()));
    }
    for (const database of this.databases) {
      this.#again(scenario.pauseEveryMs * 2, () => database.goAway(random.between(0, this.scenario.longestPauseMs)));
    }
    if (scenario.rollbacks === 0) return;
    this.#again(scenario.chaosMs / 6, () => {
      this.#snapshots.push(redis.save());
      if (this.#snapshots.length > MAX_SNAPSHOTS) this.#snapshots.splice(1, 1);
    });
    for (let i = 0; i < scenario.rollbacks; i++) {
      world.after(random.between(0, scenario.chaosMs), () => {
        this.#rollBack();
        return true;
      });
    }
  }

  /** Does something at random times until the world heals. */
  #again(everyMs: number, run: () => void): void {
    if (everyMs === Number.POSITIVE_INFINITY) return;
    const { world } = this;
    world.after(world.random.between(0, everyMs * 2), () => {
      if (this.faults.healed) return false;
      run();
      this.#again(everyMs, run);
      return true;
    });
  }

  #pauseMs(): number {
    return this.world.random.between(0, this.scenario.longestPauseMs);
  }

  #pauseLeftMs(): number {
    const processes = [...this.relays, ...this.#aggregators].map(({ process }) => process.stalledUntilMs);
    return Math.max(0, ...processes.map((untilMs) => untilMs - this.world.nowMs));
  }

  #crash(all: readonly { process: SimProcess }[], i: number, restart: () => void): void {
    const { world } = this;
    all[i]!.process.crash();
    world.after(world.random.between(100, 3_000), () => {
      // Healing may have started it already, or something else since.
      if (!all[i]!.process.alive) restart();
      return true;
    });
  }

  #crashRelay(i: number): void {
    const { random } = this.world;
    this.#crash(this.relays, i, () => this.#startRelay(i));
    // Where Redis forgets as well, that may cost what it had confirmed within the last second.
    if (this.scenario.rollbacks > 0 || random.chance(0.5)) return;
    this.world.say(() => `relay-${i + 1} loses power`);
    this.disks[i]!.losePower(random.integer(0, 300));
  }

  #refuse(disk: SimDisk): void {
    const { random } = this.world;
    disk.refuse(random.pick(['write', 'sync']));
    this.world.after(random.between(0, 3_000), () => {
      disk.heal();
      return false;
    });
  }

  #rollBack(): void {
    const { world, redis } = this;
    const { random } = world;
    this.rollbacks++;
    this.rolledBackMs = redis.nowMs;
    for (const database of this.databases) database.rolledBack();
    if (random.chance(0.3)) {
      world.say(() => 'FLUSHALL');
      redis.flushAll(this.#snapshots[0]!);
      this.#snapshots.splice(1);
      return;
    }
    const at = random.integer(0, this.#snapshots.length - 1);
    const snapshot = this.#snapshots[at]!;
    world.say(() => `Redis goes back to ${snapshot.atMs.toFixed(1)}`);
    // What came after is no past that this one could go back to.
    this.#snapshots.splice(at + 1);
    redis.restart(snapshot, random.between(0, 1_500));
  }

  #startRelay(i: number): void {
    const id = `relay-${i + 1}`;
    const relay = new SimRelay(this.world, this.redis, this.faults, this.scenario, id, this.disks[i]!);
    this.relays[i] = relay;
    this.relaysEver.push(relay);
    this.world.say(() => `${relay.process.name} starts`);
  }

  #startAggregator(i: number): void {
    const { world, redis, faults, scenario, databases } = this;
    const id = `aggregator-${i + 1}`;
    this.#aggregators[i] = new SimAggregator({ world, redis, faults, scenario, databases, id });
    world.say(() => `${id} starts`);
  }
}
