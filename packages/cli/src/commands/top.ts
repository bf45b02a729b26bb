import { EXIT } from '@weir/common/errors';
import { duration, integer } from '@weir/common/setting-values';
import type { CommandContext } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import { show } from '../show.ts';
import { formatTime } from '../time-text.ts';
import { History } from '../top/history.ts';
import type { Wishes } from '../top/keys.ts';
import { runLive } from '../top/live.ts';
import { topText } from '../top/top-lines.ts';
import { TopLook } from '../top/top-look.ts';
import { TOP_SCHEMA, type TopReport } from '../top/top-report.ts';
import { asciiOnly, isDumb, type TopStyle } from '../top/top-style.ts';

export const schema = TOP_SCHEMA;

/** Of text that goes to a file. */
const FILE_COLUMNS = 132;

export async function run(context: CommandContext): Promise<number> {
  const { flags, view, clock, env, terminal, stopping } = context;
  const intervalMs = flags.read('interval', duration({ minMs: 200, maxMs: 3_600_000 }));
  const looks = flags.readOptional('count', integer(1, 1_000_000_000));
  const lateAfterMs = flags.read('late-after', duration({ minMs: 1_000 }));
  const patienceMs = flags.read('patience', duration({ minMs: 1, maxMs: 600_000 }));
  const time = (ms: number) => formatTime(ms, view.timeZone);
  const style: TopStyle = { paint: view.paint, ascii: flags.on('ascii') || asciiOnly(env), timeZone: view.timeZone };
  const { takeOver, size } = terminal;
  return withDeployment(context, async (target) => {
    const top = new TopLook(target, { clock, patienceMs, lateAfterMs, time });
    const look = () => top.look();
    const tables = view.format === 'table' || view.format === 'wide';
    if (!takeOver || !tables || isDumb(env) || looks !== undefined)
      return follow(context, { look, style, intervalMs, looks });
    await runLive({ takeOver, size, clock, stopping, style, intervalMs, look, first: await look() });
    return EXIT.done;
  });
}

interface Following {
  look: () => Promise<TopReport>;
  style: TopStyle;
  intervalMs: number;
  looks: number | undefined;
}

/** One report after the other, each whole, for whoever reads a file or a pipe. */
async function follow(context: CommandContext, { look, style, intervalMs, looks }: Following): Promise<number> {
  const history = new History();
  const wishes: Wishes = { quit: false, paused: false, help: false, sort: 'partition', intervalMs, skipped: 0 };
  const ended = new AbortController();
  const end = () => ended.abort();
  context.stopping.addEventListener('abort', end);
  const view = { ...context.view, watchMs: intervalMs };
  const terminal = { ...context.terminal, isTty: false };
  let done = 0;
  try {
    return await show({ ...context, view, terminal, stopping: ended.signal }, async () => {
      if (++done === looks) end();
      const report = await look();
      history.add(report.lag);
      return {
        report,
        text: () => topText({ report, history, wishes, ageMs: 0, fault: undefined }, FILE_COLUMNS, style),
      };
    });
  } finally {
    context.stopping.removeEventListener('abort', end);
  }
}
