import { randomBytes } from 'node:crypto';
import { EXIT, WeirError } from '@weir/common/errors';
import { type CommandContext, UsageError } from '../command-context.ts';
import { AnswerTimes } from '../load/answer-times.ts';
import { type LoadBatch, LoadBatches } from '../load/load-batches.ts';
import { type LoadWish, readLoadWish } from '../load/load-flags.ts';
import { LOAD_SCHEMA, type LoadReport, loadText } from '../load/load-report.ts';
import { MadeEvents } from '../load/made-events.ts';
import { InFlight } from '../sending/in-flight.ts';
import { ProgressLine } from '../sending/progress.ts';
import type { RelayClient } from '../sending/relay-client.ts';
import { relayClient, relaysOf } from '../sending/relay-flags.ts';
import { stoppingAfter } from '../sending/stopping-after.ts';
import { reportText } from '../show.ts';
import { formatAge } from '../time-text.ts';

export const schema = LOAD_SCHEMA;

/** Sends made-up events, and says how many and how fast: for trying a deployment, and for filling a new one. */
export async function run(context: CommandContext): Promise<number> {
  const { flags, view, clock, stopping, out, err, errTerminal } = context;
  const wish = readLoadWish(context, randomBytes(4).readUInt32LE());
  await agreeToLate(context, wish);
  const relays = relaysOf(context);
  const client = relayClient({ ...context, stopping: stoppingAfter(stopping) });
  const report: LoadReport = {
    schema: 'weir.load/1',
    relays,
    seed: wish.made.seed,
    productPrefix: wish.made.productPrefix,
    ...{ events: 0, duplicates: 0, late: 0, accepted: 0, rejected: 0, unconfirmed: 0, requests: 0, elapsedMs: 0 },
    linesPerSec: 0,
    answerMs: { p50: null, p99: null, max: null },
  };
  const startedMs = clock.monotonicMs();
  const elapsedMs = () => clock.monotonicMs() - startedMs;
  const whole = Number.isFinite(wish.events) ? wish.events : undefined;
  const progress = new ProgressLine({
    terminal: errTerminal,
    err,
    quiet: flags.on('quiet'),
    clock,
    look: () => ({ lines: report.accepted, done: report.events, whole, unit: 'lines' }),
  });
  progress.start();
  let fault: WeirError | undefined;
  try {
    fault = await send({ context, wish, client, relays: relays.length, report, elapsedMs });
  } finally {
    await progress.stop();
  }
  report.elapsedMs = Math.round(elapsedMs());
  report.linesPerSec = Math.round((report.accepted * 1_000) / Math.max(1, report.elapsedMs));
  const eyes = view.format === 'table' || view.format === 'wide';
  out(eyes ? loadText(report) : await reportText(report, view.format));
  if (fault) throw fault;
  if (report.rejected > 0) throw new WeirError('lines-rejected', `relays rejected ${report.rejected} lines`, false);
  return EXIT.done;
}

interface Sending {
  context: CommandContext;
  wish: LoadWish;
  client: RelayClient;
  relays: number;
  report: LoadReport;
  elapsedMs: () => number;
}

/** Answers what ended it early. */
async function send({ context, wish, client, relays, report, elapsedMs }: Sending): Promise<WeirError | undefined> {
  const { clock, stopping } = context;
  const flight = new InFlight(wish.inFlight);
  const times = new AnswerTimes();
  const batches = new LoadBatches(new MadeEvents(wish.made), { batchLines: wish.batchLines, relays });
  const run = `weir-load-${randomBytes(12).toString('hex')}`;
  let fault: WeirError | undefined;
  let [requests, lines, made] = [0, 0, 0];
  const over = () => stopping.aborted || fault !== undefined;
  const sendOne = async (batch: LoadBatch, key: string) => {
    const sentMs = elapsedMs();
    try {
      const { verdict, requests: tries } = await client.write(Buffer.from(batch.body), key, batch.turn);
      times.add(elapsedMs() - sentMs);
      const lines = batch.events + batch.duplicates;
      // Whatever somebody answers who is no relay.
      count(report, batch, verdict.kind === 'partly' ? Math.min(lines, verdict.rejected) : 0, tries);
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      report.unconfirmed += batch.events + batch.duplicates;
      fault ??= error;
    }
  };
  const add = async (batch: LoadBatch) => {
    const dueMs = wish.linesPerSec === undefined ? 0 : (lines / wish.linesPerSec) * 1_000;
    if (dueMs > elapsedMs()) await clock.sleep(dueMs - elapsedMs(), stopping);
    await flight.room();
    if (over()) return;
    lines += batch.events + batch.duplicates;
    flight.add(sendOne(batch, `${run}-${requests++}`));
  };
  while (made < wish.events && elapsedMs() < wish.durationMs && !over()) {
    // Made only when there is room for them, so that their time is that of their sending.
    await flight.room();
    const some = batches.next(performance.timeOrigin + performance.now(), wish.events - made);
    made += some[0]!.events;
    for (const batch of some) await add(batch);
  }
  for (const batch of batches.rest()) await add(batch);
  await flight.done();
  report.answerMs = { p50: times.quantile(0.5), p99: times.quantile(0.99), max: times.maxMs || null };
  return fault;
}

function count(report: LoadReport, { events, duplicates, late }: LoadBatch, rejected: number, tries: number): void {
  report.events += events;
  report.duplicates += duplicates;
  report.late += late;
  report.accepted += events + duplicates - rejected;
  report.rejected += rejected;
  report.requests += tries;
}

/** What is late may stay in the books as dead letters, and opens windows of the past: nobody is to do that by the way. */
async function agreeToLate({ flags, ask, err }: CommandContext, { made }: LoadWish): Promise<void> {
  if (made.late === 0 || flags.on('yes')) return;
  const what = `late events happened ${formatAge(made.lateByMs)} ago: they open windows of the past, or become dead letters where those are sealed`;
  if (!ask) throw new UsageError(`--late: ${what}; --yes goes on without asking`);
  err(`${what}\n`);
  if (/^y(es)?$/i.test((await ask('Go on? [y/N] ')).trim())) return;
  throw new WeirError('nothing-done', 'the answer was no: nothing was sent', false);
}
