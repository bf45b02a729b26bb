import type { StreamEntry } from '@weir/common/batch';
import { formatBatchIdentity } from '@weir/common/batch';
import { RedisTime } from '@weir/common/clock';
import { silentLogger } from '@weir/common/logger';
import { Stamps } from '@weir/common/stamps';
import { backoffMs } from '@weir/relay/backoff';
import { DiskJournal, type Recovered } from '@weir/relay/disk-journal';
import { Intake } from '@weir/relay/intake';
import type { JournalBatch, LaneJournal } from '@weir/relay/journal';
import type { SegmentHead } from '@weir/relay/journal-codec';
import { Lane, type LaneAnswer, type LaneOptions, type LaneStep } from '@weir/relay/lane';
import { RelayCounts } from '@weir/relay/relay-metrics';
import { RelayReport } from '@weir/relay/relay-report';
import { Connection } from './connection.ts';
import type { Faults } from './faults.ts';
import { SimReports } from './ports.ts';
import type { SimRedis } from './redis/sim-redis.ts';
import { EPOCH_MS, type Scenario, TIMES } from './scenario.ts';
import type { SimDisk } from './sim-disk.ts';
import { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

const SECURE_EVERY_MS = 60;
const SYNC_EVERY_MS = 1_000;

/**
 * A relay: the real intake, lanes, journal and report. What drives a lane (lane-runner.ts) sleeps with timers of its own,
 * so it is written again here.
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
  readonly #intake: Intake;
  readonly #time: RedisTime;
  readonly #wake = new Map<Lane, () => void>();
  #caredAtMs = 0;

  constructor(world: World, redis: SimRedis, faults: Faults, scenario: Scenario, id: string, disk: SimDisk) {
    const { random } = world;
    this.id = id;
    this.#redis = redis;
    this.process = new SimProcess(world, id);
    this.incarnation = random.hex();
    this.#appends = new Connection(this.process, redis, faults);
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
    const report = new RelayReport({
      reports: new SimReports(this.#appends, redis),
      id,
      incarnation: this.incarnation,
      clock,
      time: this.#time,
      drainedMs: () => this.#drainedMs,
      unsureSinceMs: () => Math.min(...this.#allLanes.map((lane) => lane.unsureSinceMs)),
      drained: () => this.drained,
      fail: (error) => this.process.judge(error),
      logger: silentLogger,
      stopping: new AbortController().signal,
      times: { reportEveryMs: TIMES.beatEveryMs, deadAfterMs: TIMES.deadAfterMs },
    });
    void this.#startReport(report);
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
      unattendedLingerMs: 20,
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

  /** As admission.ts: until Redis answers. */
  async #startReport(report: RelayReport): Promise<void> {
    for (;;) {
      try {
        await report.start();
        return;
      } catch (error) {
        // Nobody else lives under this id, so to be told so is wrong, whenever it is.
        this.process.judge(error);
        await this.process.clock.sleep(TIMES.beatEveryMs / 2);
      }
    }
  }

  get #drainedMs(): number | undefined {
    return this.#allLanes.reduce<number | undefined>((least, { drainedMs }) => {
      return least === undefined || drainedMs === undefined ? undefined : Math.min(least, drainedMs);
    }, Number.POSITIVE_INFINITY);
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
