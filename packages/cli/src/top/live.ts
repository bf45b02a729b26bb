import type { Clock } from '@weir/common/clock';
import { WeirError } from '@weir/common/errors';
import type { TakeOver } from '../command-context.ts';
import { History } from './history.ts';
import { pressed, type Wishes } from './keys.ts';
import { Screen } from './screen.ts';
import { type Picture, type Size, topLines } from './top-lines.ts';
import type { TopReport } from './top-report.ts';
import type { TopStyle } from './top-style.ts';

/**
 * `weir top` on a terminal: looks, draws and takes keys until somebody quits. One look at a time: the next begins when the
 * last is done and the interval has passed, so a slow Redis gets fewer looks and never a queue of them. Keys are answered
 * at once, also while a look is under way.
 */
export interface LiveOptions {
  takeOver: TakeOver;
  size: () => Size;
  clock: Clock;
  stopping: AbortSignal;
  style: TopStyle;
  intervalMs: number;
  look: () => Promise<TopReport>;
  /** Taken before the screen was: a deployment that is not there is told in one line. */
  first: TopReport;
}

/** How often the age of the picture is brought up to date while nothing else happens. */
const REDRAW_MS = 1_000;

export async function runLive(options: LiveOptions): Promise<void> {
  const { takeOver, size, clock, stopping, style, look } = options;
  const history = new History();
  history.add(options.first.lag);
  let wishes: Wishes = {
    quit: false,
    paused: false,
    help: false,
    sort: 'lag',
    intervalMs: options.intervalMs,
    skipped: 0,
  };
  let seen = { report: options.first, atMs: clock.monotonicMs(), fault: undefined as string | undefined };

  const quit = new AbortController();
  const quitting = new Promise<'quit'>((resolve) => quit.signal.addEventListener('abort', () => resolve('quit')));
  /** Ends the sleep between two looks, because something else is wished for. */
  let wake = new AbortController();
  const end = () => quit.abort();
  quit.signal.addEventListener('abort', () => wake.abort());
  stopping.addEventListener('abort', end);
  if (stopping.aborted) end();

  const draw = () => {
    const { report, atMs, fault } = seen;
    const picture: Picture = { report, history, wishes, ageMs: clock.monotonicMs() - atMs, fault };
    screen.show(topLines(picture, size(), style), size().columns);
  };
  const screen = new Screen((text) => terminal.write(text));
  const terminal = takeOver({
    keys: (bytes) => {
      wishes = pressed(bytes, wishes, seen.report.lag.partitions.length);
      if (wishes.quit) return end();
      draw();
      wake.abort();
    },
    redraw: () => {
      screen.forget();
      draw();
    },
    gone: end,
  });

  /** Until it is time to look, or somebody quits. */
  const untilDue = async (startedMs: number): Promise<void> => {
    while (!quit.signal.aborted) {
      const leftMs = wishes.paused ? REDRAW_MS : startedMs + wishes.intervalMs - clock.monotonicMs();
      if (leftMs <= 0) return;
      wake = new AbortController();
      await clock.sleep(Math.min(leftMs, REDRAW_MS), wake.signal);
      if (!quit.signal.aborted) draw();
    }
  };
  const lookOnce = async (): Promise<void> => {
    try {
      const report = await look();
      history.add(report.lag);
      seen = { report, atMs: clock.monotonicMs(), fault: undefined };
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      history.addGap();
      // What the client says of a connection that is gone is about its own options; the code is in operations.md.
      seen = { ...seen, fault: error.code };
    }
  };
  const redrawWhile = async (looking: Promise<void>): Promise<void> => {
    const done = looking.then(() => 'done' as const);
    for (;;) {
      wake = new AbortController();
      const slept = clock.sleep(REDRAW_MS, wake.signal).then(() => 'slept' as const);
      if ((await Promise.race([done, slept, quitting])) !== 'slept') break;
      draw();
    }
    wake.abort();
  };

  try {
    draw();
    for (let startedMs = clock.monotonicMs(); ; ) {
      await untilDue(startedMs);
      if (quit.signal.aborted) return;
      startedMs = clock.monotonicMs();
      await redrawWhile(lookOnce());
      if (!quit.signal.aborted) draw();
    }
  } finally {
    stopping.removeEventListener('abort', end);
    terminal.giveBack();
  }
}
