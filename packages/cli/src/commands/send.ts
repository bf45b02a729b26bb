import { randomBytes } from 'node:crypto';
import { EXIT, WeirError } from '@weir/common/errors';
import { PRECISIONS } from '@weir/common/line-protocol';
import { integer, oneOf, text } from '@weir/common/setting-values';
import { STAMP_DIGITS, Stamps } from '@weir/common/stamps';
import { type CommandContext, type OpenInput, UsageError } from '../command-context.ts';
import { INPUT_FORMATS } from '../sending/json-lines.ts';
import { LineCutter, type Piece } from '../sending/line-cutter.ts';
import { LineSender } from '../sending/line-sender.ts';
import { LinePreparer } from '../sending/prepare-lines.ts';
import { ProgressLine } from '../sending/progress.ts';
import { linesPerSec } from '../sending/rate-flag.ts';
import type { Rejection } from '../sending/relay-answer.ts';
import { relayClient, relaysOf } from '../sending/relay-flags.ts';
import { MAX_REJECTIONS_NAMED, SEND_SCHEMA, type SendReport, sendFault, sendText } from '../sending/send-report.ts';
import { stoppingAfter } from '../sending/stopping-after.ts';
import { reportText } from '../show.ts';
import { printable } from '../table.ts';

export const schema = SEND_SCHEMA;

/** Of one request: far below what a relay takes in one body, and enough that a request more or less costs little. */
const PIECE_BYTES = 512 * 1024;
const PIECE_LINES = 20_000;
/** With a rate, so many requests a second. */
const PIECES_PER_SEC = 10;

/** Sends lines, in order but several requests at a time, and says of every line what became of it. */
export async function run(context: CommandContext): Promise<number> {
  const { flags, view, clock, stopping, err, out, errTerminal } = context;
  const fromLine = flags.read('from-line', integer(1, Number.MAX_SAFE_INTEGER));
  const rate = flags.readOptional('rate', linesPerSec);
  const precision = flags.read('precision', oneOf(...PRECISIONS));
  const format = flags.read('input-format', oneOf(...INPUT_FORMATS));
  const stampHere = flags.read('stamp', oneOf('here', 'relay')) === 'here';
  const inFlight = flags.read('in-flight', integer(1, 64));
  const quiet = flags.on('quiet');
  const input = await openInput(context);
  const cutter = new LineCutter({
    maxLines: rate === undefined ? PIECE_LINES : Math.min(PIECE_LINES, Math.max(1, Math.ceil(rate / PIECES_PER_SEC))),
    maxBytes: PIECE_BYTES,
    fromLine,
  });
  const rejections: Rejection[] = [];
  const onRejected = (some: readonly Rejection[], rejected: number, { firstLine, lineCount }: Piece) => {
    for (const { line, reason, detail } of some) {
      const inInput = firstLine + line - 1;
      if (rejections.length < MAX_REJECTIONS_NAMED) rejections.push({ line: inInput, reason, detail });
      progress.say(`line ${inInput}: ${printable(`${reason}: ${detail}`)}`);
    }
    const more = rejected - some.length;
    if (more > 0) progress.say(`${more} more lines between ${firstLine} and ${firstLine + lineCount - 1}`);
  };
  const startedMs = clock.monotonicMs();
  const client = relayClient({ ...context, stopping: stoppingAfter(stopping) });
  const stamps = stampHere ? new Stamps(randomBytes(4).readUInt32LE() % STAMP_DIGITS) : undefined;
  const sender = new LineSender({
    client,
    preparer: new LinePreparer({ precision, format, stamps }),
    inFlight,
    linesPerSec: rate,
    run: `weir-send-${randomBytes(12).toString('hex')}`,
    fromLine,
    clock,
    wallMs: () => performance.timeOrigin + performance.now(),
    stopping,
    onRejected,
    onWithoutTimestamp: () => {
      if (!quiet) progress.say(stampHere ? STAMPED_HERE : STAMPED_THERE);
    },
  });
  const { sent } = sender;
  const progress = new ProgressLine({
    terminal: errTerminal,
    err,
    quiet,
    clock,
    look: () => ({ lines: sent.accepted, done: sent.inputBytes, whole: input.totalBytes, unit: 'bytes' }),
  });
  stopping.addEventListener('abort', input.close);
  if (stopping.aborted) input.close();
  progress.start();
  let fault: WeirError | undefined;
  try {
    await sender.send(piecesOf(input, cutter));
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    fault = error;
  } finally {
    stopping.removeEventListener('abort', input.close);
    input.close();
    await progress.stop();
  }
  fault ??= sent.fault;
  const elapsedMs = Math.round(clock.monotonicMs() - startedMs);
  const report: SendReport = {
    schema: 'weir.send/1',
    relays: relaysOf(context),
    accepted: sent.accepted,
    rejected: sent.rejected,
    rejections: rejections.sort((a, b) => a.line - b.line),
    withoutTimestamp: sent.withoutTimestamp,
    confirmedUpToLine: sent.confirmed.upTo,
    confirmedBeyond: sent.confirmed.beyond,
    complete: fault === undefined && !stopping.aborted,
    requests: sent.requests,
    elapsedMs,
    linesPerSec: elapsedMs === 0 ? 0 : Math.round((sent.accepted * 1_000) / elapsedMs),
  };
  const eyes = view.format === 'table' || view.format === 'wide';
  out(eyes ? sendText(report) : await reportText(report, view.format));
  const failure = sendFault(report, fault?.message);
  if (failure === undefined) return EXIT.done;
  throw new WeirError(fault?.code ?? 'not-all-sent', failure, true, { cause: fault });
}

const STAMPED_HERE =
  'lines without a timestamp get one here: however often this command sends them again they count once; sent by another they count again';
const STAMPED_THERE =
  'lines without a timestamp get one from the relay: whatever is sent again because no answer came may count twice';

async function openInput({ operands, flags, input }: CommandContext): Promise<OpenInput> {
  const file = flags.readOptional('file', text('a path, or - for stdin'));
  const fromStdin = file === '-' || (operands.length === 1 && operands[0] === '-');
  if (file !== undefined && operands.length > 0) throw new UsageError('expected lines or --file, got both');
  if (fromStdin) return input.open(undefined);
  if (file !== undefined) return input.open(file);
  if (operands.length > 0) {
    const bytes = Buffer.from(operands.map((line) => `${line}\n`).join(''));
    return { chunks: one(bytes), totalBytes: bytes.length, close: () => undefined };
  }
  if (input.isTty) throw new UsageError('expected lines, --file <path>, or lines on stdin');
  return input.open(undefined);
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function* piecesOf({ chunks }: OpenInput, cutter: LineCutter): AsyncGenerator<Piece> {
  for await (const chunk of chunks) yield* cutter.cut(chunk);
  yield* cutter.end();
}
