import type { StreamEntry } from '@weir/common/batch';
import { formatBatchIdentity } from '@weir/common/batch';
import { RedisTime } from '@weir/common/clock';
import { backoffMs } from '@weir/relay/backoff';
import { Intake } from '@weir/relay/intake';
import { type JournalBatch, MemoryJournal } from '@weir/relay/journal';
import { Lane, type LaneAnswer, type LaneStep } from '@weir/relay/lane';
import { Stamps } from '@weir/relay/stamps';
import { Connection } from './connection.ts';
import type { Faults } from './faults.ts';
import { report } from './redis/shared-scripts.ts';
import type { SimRedis } from './redis/sim-redis.ts';
import { EPOCH_MS, type Scenario, TIMES } from './scenario.ts';
import { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

/**
 * A relay: the real intake, lanes and journal. What drives a lane (lane-runner.ts) sleeps with timers of its own, so it is
 * written again here, and so is the report, which talks to Redis directly.
 */
export class SimRelay {
  readonly process: SimProcess;
  readonly incarnation: string;
  readonly journal: MemoryJournal;
  readonly lanes: readonly Lane[];
  /** Batches that Redis and the journal have both lost. */
  gapBatches = 0;
  readonly #id: string;
  readonly #redis: SimRedis;
  readonly #appends: Connection;
  readonly #commands: Connection;
  readonly #intake: Intake;
  readonly #time: RedisTime;
  readonly #wake: (() => void)[] = [];
  #startedMs = '';

  constructor(world: World, redis: SimRedis, faults: Faults, scenario: Scenario, id: string) {
    const { random } = world;
    this.#id = id;
    this.#redis = redis;
    this.process = new SimProcess(world, id);
    this.incarnation = random.hex();
    this.#appends = new Connection(this.process, redis, faults);
    this.#commands = new Connection(this.process, redis, faults);
    const { clock } = this.process;
    this.#time = new RedisTime(clock, EPOCH_MS + world.nowMs);
    this.journal = new MemoryJournal({ maxBytes: scenario.journalBytes, partitions: scenario.partitions });
    this.lanes = Array.from({ length: scenario.partitions }, (_, partition) => this.#addLane(partition));
    this.#intake = new Intake({
      lanes: this.lanes,
      journal: this.journal,
      stamps: new Stamps(1),
      nowMs: () => this.#time.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
    });
    if (!redis.without.has('asked-anew')) {
      this.#appends.onLost(() => {
        for (const lane of this.lanes) lane.disconnected();
      });
    }
    this.lanes.forEach((lane, partition) => void this.#drive(lane, partition));
    this.process.repeat(TIMES.beatEveryMs, () => this.#report());
  }

  /** A request: `answer` is called with whether everything in it is in Redis; perhaps never. */
  take(body: Buffer, answer: (accepted: boolean) => void): void {
    if (!this.#intake.hasRoom(body.length)) {
      answer(false);
      return;
    }
    const { accepted, rejected, confirmed } = this.#intake.take(body, 'ns');
    if (accepted === 0 || rejected > 0) this.process.world.violate(`the relay rejected ${rejected} good lines`);
    void confirmed.then(() => answer(true));
  }

  #addLane(partition: number): Lane {
    const { world } = this.process;
    return new Lane({
      partition,
      journal: this.journal,
      batchBytes: 300,
      lingerMs: 20,
      probeEveryMs: TIMES.beatEveryMs,
      backoffMs: (failures) => backoffMs(failures, () => world.random.fraction()),
      events: {
        work: () => this.#wake[partition]?.(),
        journaled: () => undefined,
        confirmed: () => undefined,
        lostByRedis: (batches) => world.say(() => `${this.#id}: Redis lost ${batches} batches of ${partition}`),
        gap: (batches) => {
          this.gapBatches += batches;
        },
      },
    });
  }

  async #drive(lane: Lane, partition: number): Promise<void> {
    const { clock } = this.process;
    for (;;) {
      const step = lane.next(clock.monotonicMs());
      if (step.kind === 'wait') {
        const woken = new AbortController();
        this.#wake[partition] = () => woken.abort();
        await clock.sleep(Math.min(Math.ceil(step.ms), TIMES.beatEveryMs), woken.signal);
        continue;
      }
      try {
        const answer = await this.#call(partition, step);
        lane.answered(answer, clock.monotonicMs());
      } catch (error) {
        this.process.judge(error);
        lane.failed(clock.monotonicMs());
      }
    }
  }

  #call(partition: number, step: Exclude<LaneStep, { kind: 'wait' }>): Promise<LaneAnswer> {
    const batch = step.kind === 'append' ? this.#appending(step.batch, step.afterGap) : undefined;
    return this.#appends.call(step.kind, (answer) => {
      answer(this.#redis.append(partition, this.incarnation, batch));
    });
  }

  #appending({ sequence, receivedMs, lineCount, lines }: JournalBatch, afterGap: boolean) {
    const batch = formatBatchIdentity({ relayId: this.#id, incarnation: this.incarnation, sequence });
    const entry: Omit<StreamEntry, 'id'> = { batch, receivedMs, lineCount, lines };
    return { sequence, afterGap, entry };
  }

  async #report(): Promise<void> {
    const standing = this.#startedMs === '' ? await this.#standing() : '';
    if (standing === undefined) return;
    const sentMs = this.process.clock.monotonicMs();
    const drainedMs = this.lanes.reduce<number | undefined>((least, { drainedMs }) => {
      return least === undefined || drainedMs === undefined ? undefined : Math.min(least, drainedMs);
    }, Number.POSITIVE_INFINITY);
    const said = {
      id: this.#id,
      incarnation: this.incarnation,
      started: this.#startedMs,
      drained: drainedMs === undefined ? '' : String(drainedMs),
      deadMs: TIMES.deadAfterMs,
      standing,
    };
    const { kind, nowMs } = await this.#appends.call<ReturnType<typeof report>>('report', (answer) =>
      answer(report(this.#redis.shared, said, this.#redis.nowMs)),
    );
    this.#time.observe(nowMs, this.process.clock.monotonicMs() - sentMs);
    if (kind === 'taken') {
      if (this.#startedMs !== '') this.process.world.violate(`${this.#id} is told that its id is taken`);
      return;
    }
    if (this.#startedMs === '') this.#startedMs = String(nowMs);
  }

  /** What stands under the id before the first report; undefined while somebody may live under it. */
  async #standing(): Promise<string | undefined> {
    const [field = '', nowMs] = await this.#commands.call<[string | undefined, number]>('who has the id', (answer) =>
      answer([this.#redis.shared.relays.get(this.#id), this.#redis.nowMs]),
    );
    const [incarnation, , lastMs] = field.split(' ');
    const dead = field === '' || incarnation === this.incarnation || nowMs - Number(lastMs) > TIMES.deadAfterMs;
    return dead ? field : undefined;
  }
}
