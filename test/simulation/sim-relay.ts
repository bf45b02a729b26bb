import type { StreamEntry } from '@weir/common/batch';
import { formatBatchIdentity } from '@weir/common/batch';
import { RedisTime } from '@weir/common/clock';
import { silentLogger } from '@weir/common/logger';
import { backoffMs } from '@weir/relay/backoff';
import { DiskJournal, type Recovered } from '@weir/relay/disk-journal';
import { Intake } from '@weir/relay/intake';
import type { JournalBatch, LaneJournal } from '@weir/relay/journal';
import type { SegmentHead } from '@weir/relay/journal-codec';
import { Lane, type LaneAnswer, type LaneOptions, type LaneStep } from '@weir/relay/lane';
import { RelayCounts } from '@weir/relay/relay-metrics';
import { Stamps } from '@weir/relay/stamps';
import { Connection } from './connection.ts';
import type { Faults } from './faults.ts';
import { report } from './redis/shared-scripts.ts';
import type { SimRedis } from './redis/sim-redis.ts';
import { EPOCH_MS, type Scenario, TIMES } from './scenario.ts';
import type { SimDisk } from './sim-disk.ts';
import { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

const SECURE_EVERY_MS = 60;
const SYNC_EVERY_MS = 1_000;

/**
 * A relay: the real intake, lanes and journal. What drives a lane (lane-runner.ts) sleeps with timers of its own, so it is
 * written again here, and so is the report, which talks to Redis directly.
 */
export class SimRelay {
  readonly process: SimProcess;
  readonly incarnation: string;
  readonly id: string;
  readonly journal: DiskJournal;
  /** What earlier starts left in the journal. */
  readonly recovered: readonly Recovered[];
  readonly lanes: readonly Lane[];
  readonly #allLanes: Lane[] = [];
  /** Batches that Redis and the journal have both lost. */
  gapBatches = 0;
  readonly #redis: SimRedis;
  readonly #appends: Connection;
  readonly #commands: Connection;
  readonly #intake: Intake;
  readonly #time: RedisTime;
  readonly #wake = new Map<Lane, () => void>();
  #caredAtMs = 0;
  #startedMs = '';

  constructor(world: World, redis: SimRedis, faults: Faults, scenario: Scenario, id: string, disk: SimDisk) {
    const { random } = world;
    this.id = id;
    this.#redis = redis;
    this.process = new SimProcess(world, id);
    this.incarnation = random.hex();
    this.#appends = new Connection(this.process, redis, faults);
    this.#commands = new Connection(this.process, redis, faults);
    const { clock } = this.process;
    this.#time = new RedisTime(clock, EPOCH_MS + world.nowMs);
    const head = { relayId: id, incarnation: this.incarnation };
    this.journal = new DiskJournal({
      files: disk.attach(this.process),
      clock,
      head,
      maxBytes: scenario.journalBytes,
      ageMs: Number.POSITIVE_INFINITY,
      memoryBytes: scenario.journalMemoryBytes,
      syncEveryMs: SYNC_EVERY_MS,
      counts: new RelayCounts({ observe: () => undefined }).journal,
      events: {
        synced: () => {
          for (const lane of this.lanes) lane.synced();
        },
        droppedEarly: () => {
          disk.forgot = true;
        },
      },
      logger: silentLogger,
    });
    this.recovered = this.journal.recover();
    const journal = redis.without.has('synced') ? written(this.journal) : this.journal;
    this.lanes = Array.from({ length: scenario.partitions }, (_, partition) =>
      this.#addLane({ partition, journal }, head),
    );
    const leftBehind = redis.without.has('left-behind') ? [] : this.recovered;
    for (const { head: earlier, journal: part, lastSequences } of leftBehind) {
      for (const [partition, lastSequence] of lastSequences) {
        this.#addLane({ partition, journal: part, recovered: { lastSequence } }, earlier);
      }
    }
    this.#intake = new Intake({
      lanes: this.lanes,
      journal: this.journal,
      stamps: new Stamps(1),
      nowMs: () => this.#time.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
    });
    if (!redis.without.has('asked-anew')) {
      this.#appends.onLost(() => {
        for (const lane of this.#allLanes) lane.disconnected();
      });
    }
    this.process.repeat(SECURE_EVERY_MS, async () => this.#secure());
    this.process.repeat(TIMES.beatEveryMs, () => this.#report());
  }

  /** Nothing is left to be brought to Redis. */
  get drained(): boolean {
    return this.#allLanes.every((lane) => lane.empty);
  }

  /** Whether the journal has the batch of this or an earlier start. */
  holds(incarnation: string, partition: number, sequence: number): boolean {
    const part = this.recovered.find(({ head }) => head.incarnation === incarnation)?.journal;
    const journal = incarnation === this.incarnation ? this.journal : part;
    return journal?.find(partition, sequence)?.sequence === sequence;
  }

  /** A request: `answer` is called with whether everything in it is durable; perhaps never. */
  take(body: Buffer, answer: (accepted: boolean) => void): void {
    if (!this.#intake.hasRoom(body.length)) {
      answer(false);
      return;
    }
    const { accepted, rejected, confirmed } = this.#intake.take(body, 'ns');
    if (accepted === 0 || rejected > 0) this.process.world.violate(`the relay rejected ${rejected} good lines`);
    void confirmed.then(() => answer(true));
  }

  #addLane(about: Pick<LaneOptions, 'partition' | 'journal' | 'recovered'>, head: SegmentHead): Lane {
    const { world } = this.process;
    const lane: Lane = new Lane({
      ...about,
      batchBytes: 300,
      lingerMs: 20,
      probeEveryMs: TIMES.beatEveryMs,
      backoffMs: (failures) => backoffMs(failures, () => world.random.fraction()),
      events: {
        work: () => this.#wake.get(lane)?.(),
        journaled: () => undefined,
        confirmed: () => undefined,
        lostByRedis: (batches) => world.say(() => `${this.id}: Redis lost ${batches} batches of ${about.partition}`),
        gap: (batches) => {
          this.gapBatches += batches;
        },
      },
    });
    this.#allLanes.push(lane);
    void this.#drive(lane, about.partition, head);
    return lane;
  }

  #secure(): void {
    const nowMs = this.process.clock.monotonicMs();
    let wanted = false;
    for (const lane of this.lanes) {
      wanted = lane.secure(nowMs) || wanted;
      if (this.#redis.without.has('synced')) lane.synced();
    }
    if (wanted) this.journal.requestSync();
    if (nowMs - this.#caredAtMs < SYNC_EVERY_MS) return;
    this.#caredAtMs = nowMs;
    this.journal.care();
  }

  async #drive(lane: Lane, partition: number, head: SegmentHead): Promise<void> {
    const { clock } = this.process;
    for (;;) {
      const step = lane.next(clock.monotonicMs());
      if (step.kind === 'wait') {
        const woken = new AbortController();
        this.#wake.set(lane, () => woken.abort());
        await clock.sleep(Math.min(Math.ceil(step.ms), TIMES.beatEveryMs), woken.signal);
        continue;
      }
      try {
        const answer = await this.#call(partition, step, head);
        lane.answered(answer, clock.monotonicMs());
      } catch (error) {
        this.process.judge(error);
        lane.failed(clock.monotonicMs());
      }
    }
  }

  #call(partition: number, step: Exclude<LaneStep, { kind: 'wait' }>, head: SegmentHead): Promise<LaneAnswer> {
    const batch = step.kind === 'append' ? appending(head, step.batch, step.afterGap) : undefined;
    return this.#appends.call(step.kind, (answer) => {
      answer(this.#redis.append(partition, head.incarnation, batch));
    });
  }

  async #report(): Promise<void> {
    const standing = this.#startedMs === '' ? await this.#standing() : '';
    if (standing === undefined) return;
    const sentMs = this.process.clock.monotonicMs();
    const drainedMs = this.#allLanes.reduce<number | undefined>((least, { drainedMs }) => {
      return least === undefined || drainedMs === undefined ? undefined : Math.min(least, drainedMs);
    }, Number.POSITIVE_INFINITY);
    const owedSinceMs = Math.min(...this.#allLanes.map((lane) => lane.owedSinceMs));
    const owes = this.#startedMs === '' && owedSinceMs < Number.POSITIVE_INFINITY;
    const said = {
      id: this.id,
      incarnation: this.incarnation,
      started: this.#startedMs,
      drained: String(drainedMs ?? (owes ? owedSinceMs : '')),
      deadMs: TIMES.deadAfterMs,
      standing,
    };
    const { kind, nowMs } = await this.#appends.call<ReturnType<typeof report>>('report', (answer) =>
      answer(report(this.#redis.shared, said, this.#redis.nowMs)),
    );
    this.#time.observe(nowMs, this.process.clock.monotonicMs() - sentMs);
    if (kind === 'taken') {
      if (this.#startedMs !== '') this.process.world.violate(`${this.id} is told that its id is taken`);
      return;
    }
    if (this.#startedMs === '') this.#startedMs = String(nowMs);
  }

  /** What stands under the id before the first report; undefined while somebody may live under it. */
  async #standing(): Promise<string | undefined> {
    const [field = '', nowMs] = await this.#commands.call<[string | undefined, number]>('who has the id', (answer) =>
      answer([this.#redis.shared.relays.get(this.id), this.#redis.nowMs]),
    );
    const [incarnation, , lastMs] = field.split(' ');
    const dead = field === '' || incarnation === this.incarnation || nowMs - Number(lastMs) > TIMES.deadAfterMs;
    return dead ? field : undefined;
  }
}

function appending(head: SegmentHead, { sequence, receivedMs, lineCount, lines }: JournalBatch, afterGap: boolean) {
  const batch = formatBatchIdentity({ ...head, sequence });
  const entry: Omit<StreamEntry, 'id'> = { batch, receivedMs, lineCount, lines };
  return { sequence, afterGap, entry };
}

/** A journal that takes what is written for synced. */
function written(journal: DiskJournal): LaneJournal {
  return {
    append: (partition, batch) => journal.append(partition, batch),
    confirm: (partition, sequence) => journal.confirm(partition, sequence),
    find: (partition, sequence) => journal.find(partition, sequence),
    read: (partition, sequence) => journal.read(partition, sequence),
    synced: () => Number.MAX_SAFE_INTEGER,
  };
}
