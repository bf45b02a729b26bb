import { duration } from '@weir/common/setting-values';
import type { CommandContext } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import { show } from '../show.ts';
import { lookAtStatus } from '../status-look.ts';
import { STATUS_SCHEMA } from '../status-report.ts';
import { statusText } from '../status-text.ts';
import { formatTime } from '../time-text.ts';
import { judge } from '../verdict.ts';

export const schema = STATUS_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  const { flags, view, clock } = context;
  const lateAfterMs = flags.read('late-after', duration({ minMs: 1_000 }));
  const patienceMs = flags.read('patience', duration({ minMs: 1, maxMs: 600_000 }));
  const time = (ms: number) => formatTime(ms, view.timeZone);
  return withDeployment(context, (target) =>
    show(context, async () => {
      const report = judge(await lookAtStatus(target, { clock, patienceMs }), { lateAfterMs, time });
      return { report, text: (how) => statusText(report, how) };
    }),
  );
}
