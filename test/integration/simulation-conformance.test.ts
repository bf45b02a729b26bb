import { digestEntry } from '@weir/aggregator/digest';
import type { ReadEntry } from '@weir/aggregator/entry-source';
import { type FoldPlan, planFold, type WindowClaim, windowsTouched } from '@weir/aggregator/fold-plan';
import { NO_VERSION, type Version } from '@weir/aggregator/log-codec';
import { PartitionMemory } from '@weir/aggregator/partition-memory';
import type { PartitionStoreOptions } from '@weir/aggregator/store/partition-store';
import type { WriteIntent } from '@weir/aggregator/store/sink-books';
import type { StreamEntry } from '@weir/common/batch';
import { Random } from '@weir/common/random';
import { redisTimeMs } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import { lineOf } from '../support/event-lines.ts';
import { startRedis } from '../support/redis-server.ts';
import { outcomeOf, realSide, realState, type Side, simulatedSide, simulatedState } from './simulation-sides.ts';

/** Whatever is asked in whatever order, the simulated Redis answers as the real scripts do, and holds the same. */
const SEQUENCES = 170;
const COMMANDS = 35;
const WINDOW_SEC = 60;
const LATENESS_MS = 900_000;

let redis: Redis;
let reader: Redis;
beforeAll(async () => {
  const server = await startRedis();
  redis = server.client();
  reader = server.client();
  // Every sequence has readers of its own on it.
  reader.setMaxListeners(0);
});

class Sequence {
  readonly random: Random;
  readonly options: PartitionStoreOptions;
  readonly real: Side;
  readonly simulated: ReturnType<typeof simulatedSide>;
  readonly starts: number[];
  readonly memories: PartitionMemory[];
  readonly entries = new Map<string, StreamEntry>();
  readonly plans: { plan: FoldPlan; seed: string }[] = [];
  readonly stamps = { real: '', simulated: '' };
  readonly intents: { start: number; who: string; real: WriteIntent; simulated: WriteIntent }[] = [];
  nextSequence = 1;
  nanos = 0;

  constructor(seed: number, nowMs: number) {
    const random = new Random(seed);
    this.random = random;
    this.options = {
      prefix: `conformance-${seed}`,
      windowSec: WINDOW_SEC,
      latenessMs: LATENESS_MS,
      maxOldWindows: random.integer(1, 3),
      maxLogBytes: random.pick([50, 100_000]),
      chunkBytes: random.pick([50, 64, 100_000]),
      maxDeadBytes: random.pick([150, 100_000]),
    };
    this.real = realSide(redis, reader, this.options);
    this.simulated = simulatedSide(this.options);
    const present = Math.floor(nowMs / 1000 / WINDOW_SEC) * WINDOW_SEC;
    this.starts = [present, ...[1, 2, 3, 4].map((back) => present - 1_000_000 * WINDOW_SEC - back * WINDOW_SEC)];
    this.memories = [0, 1].map(
      () =>
        new PartitionMemory({
          store: this.simulated.store,
          newSeed: () => random.pick(['0123456789abcdef', 'fedcba9876543210']),
        }),
    );
  }

  /** Asks both; the answers must be the same, `forget` taking out what cannot be. */
  async both(what: string, ask: (side: Side) => Promise<unknown>, forget = (answer: unknown) => answer) {
    const real = await outcomeOf(() => ask(this.real));
    const told = (real as { nowMs?: number; redisMs?: number } | undefined) ?? {};
    this.simulated.setClock(told.nowMs ?? told.redisMs ?? Math.floor(await redisTimeMs(redis)));
    const simulated = await outcomeOf(() => ask(this.simulated));
    expect({ what, answer: forget(simulated) }).toEqual({ what, answer: forget(real) });
    return { real, simulated };
  }

  async command(): Promise<void> {
    const { random } = this;
    const kinds: (() => Promise<unknown>)[] = [
      () => this.append(),
      () => this.append(),
      () => this.read(),
      () => this.read(),
      () => this.plan(),
      () => this.plan(),
      () => this.sendOld(),
      () => this.claim(),
      () => this.publish(),
      () => this.look(),
      () => this.seal(),
      () => this.write(),
      () => this.finals(),
      () => this.speak(),
    ];
    await random.pick(kinds)();
  }

  async append(): Promise<void> {
    const { random } = this;
    if (random.chance(0.1)) {
      await this.both('probe', (side) => side.append('0011223344556677', undefined, false));
      return;
    }
    const lines = Array.from({ length: random.integer(1, 3) }, () => {
      const nanos = random.chance(0.4) && this.nanos > 0 ? random.integer(0, this.nanos) : ++this.nanos;
      const sec = this.starts[nanos % this.starts.length]!;
      return lineOf({ eventType: nanos % 3 === 0 ? 'a' : 'b', product: 'p', username: `u${nanos % 4}`, sec, nanos });
    });
    const sequence = Math.max(1, this.nextSequence + (random.chance(0.2) ? random.integer(-2, 2) : 0));
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const batch = { sequence, receivedMs: 5, lineCount: lines.length, lines: bytes };
    const gap = random.chance(0.2);
    const { real } = await this.both('append', (side) => side.append('0011223344556677', batch, gap));
    this.nextSequence = (real as { last: number }).last + 1;
  }

  async read(): Promise<void> {
    const { random } = this;
    const who = random.pick(['a', 'b']);
    const count = random.integer(1, 3);
    if (random.chance(0.2)) await this.both('group', (side) => side.source(who).ensureGroup());
    const after = random.pick(['0', ...this.entries.keys()]);
    const own = random.chance(0.3);
    const ask = (side: Side) => (own ? side.source(who).readOwnPending(after, count) : side.readNew(who, count));
    const { real } = await this.both(own ? 'own pending' : 'new', ask);
    this.remember(real);
  }

  remember(found: unknown): void {
    if (!Array.isArray(found)) return;
    for (const { id, entry } of found as ReadEntry[]) if (entry) this.entries.set(id, entry);
  }

  async claim(): Promise<void> {
    const { random } = this;
    const [who, from] = random.pick([
      ['a', 'b'],
      ['b', 'a'],
    ] as const);
    const count = random.integer(1, 2);
    const ids = [...this.entries.keys()].sort().slice(0, 4);
    const id = random.pick(['1-1', ...ids]);
    switch (random.integer(0, 5)) {
      case 0:
        this.remember((await this.both('claim from', (side) => side.source(who).claimFrom(from, count))).real);
        return;
      case 1: {
        const cursor = random.pick(['0-0', id]);
        const idleMs = random.pick([0, 3_600_000]);
        await this.both('claim idle', (side) => side.source(who).claimIdle(cursor, idleMs, count));
        return;
      }
      case 2:
        await this.both('pending', (side) => side.source(who).pendingByConsumer());
        return;
      case 3:
        await this.both('deliveries', (side) => side.source(who).deliveries(ids));
        return;
      case 4: {
        const alive = random.pick([[], ['of-a'], ['of-a', 'of-b']]);
        await this.both('suspect', (side) => side.source(who).markSuspect(id, alive));
        return;
      }
      default:
        await this.both('trim', (side) => side.store.trim());
    }
  }

  /** A plan for some entries, whoever has them; sent now or kept for later. */
  async plan(): Promise<void> {
    const { random, options } = this;
    const memory = random.pick(this.memories);
    const entries = [...this.entries.values()].filter(() => random.chance(0.4)).slice(-random.integer(1, 3));
    if (entries.length === 0) return;
    if (memory.seed === '' || random.chance(0.1)) await memory.begin();
    const digest = (entry: StreamEntry) =>
      digestEntry(entry, { key: memory.key, groups: memory.groups, identity: 'content', windowSec: WINDOW_SEC })!;
    let items = entries.map((entry) => ({ entry, digest: digest(entry), suspect: random.chance(0.2) }));
    // Sometimes what is known is believed, however old; and sometimes it is looked up again.
    if (random.chance(0.7)) memory.doubt(memory.windows.keys());
    if (!(await memory.learn(windowsTouched(items)))) {
      items = items.map((item) => ({ ...item, digest: digest(item.entry) }));
      if (!(await memory.learn(windowsTouched(items)))) throw new Error('the seed changed twice');
    }
    const { nowMs, openOldWindows } = memory;
    const plan = planFold(items, memory.windows, {
      limits: options,
      nowMs,
      openOldWindows,
      nonce: () => random.bytes(16),
    });
    this.plans.push({ plan, seed: memory.seed });
    if (random.chance(0.5)) return;
    if (await this.send({ plan, seed: memory.seed })) memory.apply(plan);
  }

  async sendOld(): Promise<void> {
    const { stream } = this.simulated.sim.partitions[0]!;
    const pending = (id: string) => stream.group !== undefined && stream.isPending(id);
    // Of most of them somebody else has folded an entry since; those that still stand reach the other checks.
    const standing = this.plans.filter(({ plan }) => plan.items.every(({ entry }) => pending(entry.id)));
    const plans = standing.length > 0 && this.random.chance(0.8) ? standing : this.plans;
    if (plans.length === 0) return;
    const { plan, seed } = this.random.pick(plans);
    await this.send({ plan: { ...plan, windows: plan.windows.map((claim) => this.misbelieve(claim)) }, seed });
  }

  /** A claim as a process might make it that has missed something. */
  misbelieve(claim: WindowClaim): WindowClaim {
    const { random } = this;
    const { startSec } = claim;
    if (random.chance(0.6)) return claim;
    if (random.chance(0.3)) return { startSec, claim: random.pick(['sealed', 'refused']) };
    if (claim.claim !== 'open') return claim;
    return { ...claim, version: { ...claim.version, nonce: 'ef'.repeat(16) } };
  }

  async send({ plan, seed }: { plan: FoldPlan; seed: string }): Promise<boolean> {
    const { real } = await this.both('fold', (side) => side.store.fold(plan, seed));
    return (real as { kind?: string }).kind === 'folded';
  }

  async versionOf(start: number): Promise<Version> {
    const meta = await this.simulated.store.meta(start);
    return meta && this.random.chance(0.8) ? meta.version : { length: 40, nonce: 'ab'.repeat(16) };
  }

  async publish(): Promise<void> {
    const start = this.random.pick(this.starts);
    const version = await this.versionOf(start);
    const totals = Buffer.from(this.random.hex());
    await this.both('publish', (side) => side.store.publish(start, version, totals));
    await this.both('totals', (side) => side.store.publishedTotals(start));
  }

  async look(): Promise<void> {
    const { random } = this;
    const windows = await Promise.all(
      this.starts.map(async (startSec) => ({
        startSec,
        version: random.chance(0.5) ? NO_VERSION : await this.versionOf(startSec),
      })),
    );
    const maxBytes = random.pick([0, 100, 1_000_000]);
    await this.both('read windows', (side) => side.store.readWindows(windows, maxBytes));
    await this.both(
      'dirty',
      (side) => side.store.dirtyWindows(),
      (answer) => {
        const { nowMs, windows } = answer as Awaited<ReturnType<Side['store']['dirtyWindows']>>;
        return { nowMs, windows: [...windows].sort((a, b) => a.startSec - b.startSec) };
      },
    );
    const known = random.chance(0.7) ? this.stamps : { real: '?', simulated: '?' };
    const observed = await this.both(
      'observe',
      (side) => side.store.observe(side === this.real ? known.real : known.simulated),
      (view) => (view as { open: unknown } | undefined)?.open,
    );
    this.stamps.real = (observed.real as { stamp: string } | undefined)?.stamp ?? this.stamps.real;
    this.stamps.simulated = (observed.simulated as { stamp: string } | undefined)?.stamp ?? this.stamps.simulated;
  }

  async seal(): Promise<void> {
    const { random } = this;
    const start = random.pick(this.starts);
    const id = random.pick(['0-0', ...this.entries.keys()]);
    const foldedMs = random.pick([0, 0, Number(id.split('-')[0]) + random.integer(0, 1), 9e15]);
    const dueMs = random.pick([0, 0, 9e15]);
    if (random.chance(0.5)) {
      const seen = random.chance(0.9);
      await this.both('seal', async (side) => {
        const view = await side.store.observe('?');
        return side.store.seal(start, { dueMs, foldedMs, birth: seen ? view!.birth : '' });
      });
    } else {
      await this.both('drop', (side) => side.store.drop(start));
    }
    await this.both('meta', (side) => side.store.meta(start));
  }

  async write(): Promise<void> {
    const { random } = this;
    const start = random.pick(this.starts);
    const who = random.pick(['w1', 'w2']);
    if (random.chance(0.4)) {
      const alive = random.pick([[], ['w1'], ['w1', 'w2']]);
      const begun = await this.both(
        'begin',
        (side) => side.books(who).begin(start, alive),
        (intent) => (intent === 'busy' ? intent : this.seenOf(intent as WriteIntent)),
      );
      if (begun.real !== 'busy') {
        this.intents.push({ start, who, real: begun.real as WriteIntent, simulated: begun.simulated as WriteIntent });
      }
    } else if (this.intents.length > 0 && random.chance(0.8)) {
      const { start: of, who: by, ...intent } = random.pick(this.intents);
      const end = random.pick(['confirm', 'settle', 'check', 'cancel', 'abandon'] as const);
      const versions = new Map([[random.integer(0, 2), { length: 7, nonce: 'cd'.repeat(16) }]]);
      await this.both(end, (side) =>
        side.books(by)[end](of, side === this.real ? intent.real : intent.simulated, versions),
      );
    } else if (random.chance(0.3)) {
      await this.both('finish', (side) => side.books(who).finish(start, 'settled'));
    } else {
      await this.both('remove', (side) => side.books(who).remove(start));
    }
    await this.both(
      'books',
      (side) => side.books(who).read(start),
      (books) => ({ ...(books as object), settledMs: (books as { settledMs?: number }).settledMs !== undefined }),
    );
  }

  /** Tokens are random: which intent it was is what must agree. */
  seenOf({ abandoned, lastWrite }: WriteIntent) {
    const last = this.intents.findIndex(({ real, simulated }) =>
      [real.token, simulated.token].includes(lastWrite ?? ''),
    );
    return { abandoned, lastWrite: last, told: lastWrite !== undefined };
  }

  async finals(): Promise<void> {
    const { random } = this;
    const start = random.pick(this.starts);
    const totals = Buffer.from(random.hex());
    if (random.chance(0.6)) await this.both('store final', (side) => side.finals.store(start, totals));
    else if (random.chance(0.5)) await this.both('remove final', (side) => side.finals.remove(start));
    await this.both('final', (side) => side.finals.get(start));
    await this.both(
      'finals',
      (side) => side.finals.list('?'),
      (view) => [...(view as { storedMs: Map<number, number> }).storedMs.keys()].sort(),
    );
  }

  async speak(): Promise<void> {
    const { random } = this;
    const id = random.pick(['x', 'y']);
    const incarnation = random.pick(['one', 'two']);
    const startedMs = random.pick([1_000, 8_000_000_000_000_000]);
    const deadAfterMs = random.pick([0, 3_600_000]);
    const beat = random.integer(1, 9);
    const first = random.chance(0.5);
    const stands = random.chance(0.7);
    const said = { id, incarnation, startedMs, deadAfterMs };
    await this.both('heartbeat', async ({ heartbeats }) => {
      const standing = first ? { standing: stands ? await heartbeats.standing(id) : '' } : {};
      return heartbeats.beat({ ...said, beat, forgetAfterMs: 1e12, ...standing });
    });
    if (random.chance(0.1)) await this.both('sign off', ({ heartbeats }) => heartbeats.signOff(id));
    const brought = { drainedMs: random.pick([undefined, 2_000]), sinceMs: random.pick([500, startedMs]) };
    await this.both('report', async ({ reports }) => {
      const standing = first ? { standing: stands ? await reports.standing(id) : '' } : {};
      return reports.report({ ...said, ...brought, ...standing });
    });
    if (random.chance(0.1)) await this.both('sign off', ({ reports }) => reports.signOff(id, incarnation));
  }
}

test(`${SEQUENCES} random sequences of ${COMMANDS} commands come to the same on a real Redis and on the simulated one`, async () => {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= SEQUENCES; seed++) {
    const sequence = new Sequence(seed, await redisTimeMs(redis));
    try {
      for (let i = 0; i < COMMANDS; i++) await sequence.command();
      const { options, starts } = sequence;
      expect(simulatedState(sequence.simulated.sim)).toEqual(await realState(redis, options, starts));
    } catch (error) {
      throw new Error(`sequence ${seed}`, { cause: error });
    }
    for (const reason of sequence.simulated.sim.partitions[0]!.deadCounts.keys()) kinds.add(reason);
  }
  // The sequences come everywhere, or they would show little.
  expect([...kinds].sort()).toEqual(['late', 'too-many-windows', 'window-full']);
});
