import type { RejectReason } from '@weir/common/line-protocol';
import { Metrics } from '@weir/common/metrics';
import type { RelayTotals } from '@weir/common/relay-counts';
import { AccessCounts } from './access/access-counts.ts';
import type { JournalCounts } from './disk-journal.ts';
import type { LinesRead } from './lines.ts';

/**
 * What the relay counts. Plain numbers on the way of a line or datagram; they reach the exported counters only when
 * somebody asks for `/metrics`, because an increment of those costs more than the line itself.
 */
export type Door = 'http' | 'udp';
export const DOORS: readonly Door[] = ['http', 'udp'];

/** What the gauges show, asked for at each scrape. */
export interface RelayLevels {
  journalBytes: number;
  journalUnconfirmedBytes: number;
  journalOldestAgeSec: number;
  inflightBytes: number;
  udpQueueBytes: number;
  tokens: number;
}

interface Observed {
  observe(seconds: number): void;
}

class DoorCounts {
  /** Events. */
  accepted = 0;
  /** Other lines. */
  others = 0;
  readonly rejected = new Map<RejectReason, number>();
}

/** What became of lines in lanes of one kind. */
class LaneCounts {
  batchesAppended = 0;
  batchesAppendedAgain = 0;
  linesJournaled = 0;
  linesAppended = 0;
  linesAppendedAgain = 0;
  gapBatches = 0;
}

/** What is said of lanes is of those of events; `others` of those of other lines. */
export class RelayCounts extends LaneCounts {
  readonly others = new LaneCounts();
  readonly doors: Readonly<Record<Door, DoorCounts>> = { http: new DoorCounts(), udp: new DoorCounts() };
  /** Answers to writes, by status. */
  readonly answers = new Map<number, number>();
  readonly appendFailures = new Map<string, number>();
  linesAbandoned = 0;
  datagrams = 0;
  datagramsDropped = 0;
  kernelDrops = 0;
  udpSocketErrors = 0;
  journalShortReaches = 0;
  readonly access = new AccessCounts();
  readonly appendSeconds: Observed;
  readonly journal: JournalCounts;

  constructor(appendSeconds: Observed, syncSeconds: Observed = appendSeconds) {
    super();
    this.appendSeconds = appendSeconds;
    this.journal = {
      syncs: 0,
      syncSeconds,
      writeFailures: 0,
      recoveredBatches: 0,
      tornRecords: 0,
      damagedSegments: 0,
      roomRefusals: 0,
    };
  }

  countLines(door: Door, { accepted, others, byReason }: Pick<LinesRead, 'accepted' | 'others' | 'byReason'>): void {
    const counts = this.doors[door];
    counts.accepted += accepted;
    counts.others += others;
    for (const [reason, lines] of byReason) counts.rejected.set(reason, (counts.rejected.get(reason) ?? 0) + lines);
  }

  /** For the ledger: both doors together. */
  get totals(): RelayTotals {
    const rejected = new Map<RejectReason, number>();
    let [accepted, others, refused] = [0, 0, 0];
    for (const door of DOORS) {
      accepted += this.doors[door].accepted;
      others += this.doors[door].others;
      for (const [reason, lines] of this.doors[door].rejected) {
        refused += lines;
        rejected.set(reason, (rejected.get(reason) ?? 0) + lines);
      }
    }
    return {
      received: accepted + others + refused,
      accepted,
      others,
      rejected: Object.fromEntries(rejected),
      journaled: this.linesJournaled,
      appended: this.linesAppended,
      appendedAgain: this.linesAppendedAgain,
      abandoned: this.linesAbandoned,
      journalGapBatches: this.gapBatches,
      datagrams: this.datagrams,
      datagramsDropped: this.datagramsDropped,
      kernelDrops: this.kernelDrops,
    };
  }

  countAnswer(status: number): void {
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
  }

  countAppendFailure(code: string): void {
    this.appendFailures.set(code, (this.appendFailures.get(code) ?? 0) + 1);
  }
}

const APPEND_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export class RelayMetrics extends Metrics {
  readonly counts: RelayCounts;
  /** Set by the relay once its parts exist. */
  levels: () => RelayLevels = () => ({
    journalBytes: 0,
    journalUnconfirmedBytes: 0,
    journalOldestAgeSec: 0,
    inflightBytes: 0,
    udpQueueBytes: 0,
    tokens: 0,
  });
  readonly #syncs: (() => void)[] = [];

  constructor() {
    super();
    const appendSeconds = this.histogram({
      name: 'weir_relay_append_seconds',
      help: 'Time from sending a batch to Redis to its answer.',
      buckets: APPEND_BUCKETS,
    });
    const syncSeconds = this.histogram({
      name: 'weir_relay_journal_sync_seconds',
      help: 'Time to sync the journal.',
      buckets: APPEND_BUCKETS,
    });
    this.counts = new RelayCounts(appendSeconds, syncSeconds);
    this.#addLineCounters();
    this.#addAccessCounters();
    this.#addTotals();
    this.#addGauges();
  }

  override text(): Promise<string> {
    for (const sync of this.#syncs) sync();
    return super.text();
  }

  #addLineCounters(): void {
    const { doors, answers, appendFailures } = this.counts;
    const received = this.counter({
      name: 'weir_relay_lines_received_total',
      help: 'Lines that came in, blank ones and comments apart: events, other lines and rejected ones.',
      labelNames: ['door'],
    });
    const accepted = this.counter({
      name: 'weir_relay_lines_accepted_total',
      help: 'Lines that are user events within the limits.',
      labelNames: ['door'],
    });
    const others = this.counter({
      name: 'weir_relay_other_lines_accepted_total',
      help: 'Lines that are no user events and pass through to the sinks.',
      labelNames: ['door'],
    });
    const rejected = this.counter({
      name: 'weir_relay_lines_rejected_total',
      help: 'Lines that were refused.',
      labelNames: ['door', 'reason'],
    });
    for (const door of DOORS) {
      this.#follow(
        () => doors[door].accepted,
        (lines) => {
          received.inc({ door }, lines);
          accepted.inc({ door }, lines);
        },
      );
      this.#follow(
        () => doors[door].others,
        (lines) => {
          received.inc({ door }, lines);
          others.inc({ door }, lines);
        },
      );
      this.#followEach(doors[door].rejected, (reason, lines) => {
        received.inc({ door }, lines);
        rejected.inc({ door, reason }, lines);
      });
    }
    const writes = this.counter({
      name: 'weir_relay_writes_total',
      help: 'Answers to HTTP writes.',
      labelNames: ['status'],
    });
    this.#followEach(answers, (status, requests) => writes.inc({ status: String(status) }, requests));
    const failures = this.counter({
      name: 'weir_relay_append_failures_total',
      help: 'Calls to Redis that failed; the batch is sent again.',
      labelNames: ['code'],
    });
    this.#followEach(appendFailures, (code, calls) => failures.inc({ code }, calls));
  }

  #addAccessCounters(): void {
    const { access } = this.counts;
    const counters: [string, string, string, ReadonlyMap<string, number>][] = [
      ['unauthorized', 'reason', 'Requests without a token in force.', access.unauthorized],
      ['token_lines', 'token', 'Lines that came with a token, rejected ones too.', access.lines],
      ['token_over_rate', 'token', 'Requests refused because of a rate.', access.overRate],
      ['tokens_reloads', 'result', 'Times the file of tokens was read again.', access.reloads],
    ];
    for (const [name, label, help, counts] of counters) {
      const counter = this.counter({ name: `weir_relay_${name}_total`, help, labelNames: [label] });
      this.#followEach(counts, (key, more) => counter.inc({ [label]: key }, more));
    }
  }

  #addTotals(): void {
    const { counts } = this;
    const { journal } = counts;
    const totals: [string, string, () => number][] = [
      ['batches_appended', 'Batches that Redis confirmed.', () => counts.batchesAppended],
      ['batches_appended_again', 'Of these, batches that Redis had lost.', () => counts.batchesAppendedAgain],
      ['lines_journaled', 'Accepted events put into the journal.', () => counts.linesJournaled],
      ['lines_appended', 'Events that Redis confirmed.', () => counts.linesAppended],
      ['lines_appended_again', 'Of these, events that Redis had lost.', () => counts.linesAppendedAgain],
      ['other_lines_appended', 'Other lines that Redis confirmed.', () => counts.others.linesAppended],
      ['other_lines_appended_again', 'Of these, lines that Redis had lost.', () => counts.others.linesAppendedAgain],
      ['other_gap_batches', 'As journal_gap_batches, of other lines.', () => counts.others.gapBatches],
      ['journal_gap_batches', 'Batches that Redis lost and the journal no longer held.', () => counts.gapBatches],
      ['journal_syncs', 'Syncs of the journal.', () => journal.syncs],
      ['journal_write_failures', 'Attempts to write or sync the journal that failed.', () => journal.writeFailures],
      ['journal_recovered_batches', 'Batches of earlier starts found in the journal.', () => journal.recoveredBatches],
      ['journal_torn_records', 'Segments with a torn end, as a crash leaves it.', () => journal.tornRecords],
      ['journal_damaged', 'Segments or records that could not be read.', () => journal.damagedSegments],
      ['journal_refusals', 'Requests and datagrams for which the journal had no room.', () => journal.roomRefusals],
      [
        'journal_short_reaches',
        'Minutes in which the journal reached back less than lateness and a window.',
        () => counts.journalShortReaches,
      ],
      [
        'lines_abandoned',
        'Lines in neither Redis nor the journal when the relay stopped.',
        () => counts.linesAbandoned,
      ],
      ['udp_datagrams', 'Datagrams received.', () => counts.datagrams],
      ['udp_datagrams_dropped', 'Datagrams dropped because the journal had no room.', () => counts.datagramsDropped],
      ['udp_kernel_drops', 'Datagrams the kernel dropped because we did not read in time.', () => counts.kernelDrops],
      ['udp_socket_errors', 'Errors of the UDP socket; it goes on.', () => counts.udpSocketErrors],
    ];
    for (const [name, help, read] of totals) {
      const counter = this.counter({ name: `weir_relay_${name}_total`, help });
      this.#follow(read, (more) => counter.inc(more));
    }
  }

  #addGauges(): void {
    const gauges: [string, string, () => number][] = [
      ['journal_bytes', 'Size of the journal (--journal-bytes).', () => this.levels().journalBytes],
      ['journal_unconfirmed_bytes', 'Of these, not confirmed by Redis.', () => this.levels().journalUnconfirmedBytes],
      ['journal_oldest_age_seconds', 'Age of the oldest line in it.', () => this.levels().journalOldestAgeSec],
      ['inflight_bytes', 'Bodies of requests in hand (--inflight-bytes).', () => this.levels().inflightBytes],
      ['udp_queue_bytes', 'Datagrams read and not looked at yet (--udp-queue).', () => this.levels().udpQueueBytes],
      ['tokens', 'Tokens in force; 0 where none are asked for.', () => this.levels().tokens],
    ];
    for (const [name, help, read] of gauges) {
      this.gauge({ name: `weir_relay_${name}`, help }, (gauge) => gauge.set(read()));
    }
  }

  #follow(read: () => number, add: (more: number) => void): void {
    let seen = 0;
    add(0);
    this.#syncs.push(() => {
      const now = read();
      add(now - seen);
      seen = now;
    });
  }

  #followEach<K>(counts: ReadonlyMap<K, number>, add: (key: K, more: number) => void): void {
    const seen = new Map<K, number>();
    this.#syncs.push(() => {
      for (const [key, now] of counts) {
        add(key, now - (seen.get(key) ?? 0));
        seen.set(key, now);
      }
    });
  }
}
