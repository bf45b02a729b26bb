import { SettingsError, WeirError } from '@weir/common/errors';
import { duration, integer, keyPrefix, oneOf } from '@weir/common/setting-values';
import { CHECK_SCHEMA, type CheckReport, checkReport, EXIT_CODES, type Limits, unreachable } from '../check-report.ts';
import { nagiosLine, prometheusText } from '../check-text.ts';
import { type CommandContext, UsageError } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import type { Flags } from '../flags.ts';
import { lookAtStatus } from '../status-look.ts';
import { formatTime } from '../time-text.ts';
import { judge } from '../verdict.ts';

export const schema = CHECK_SCHEMA;

/** Exit codes of monitoring plugins: 0 ok, 1 warning, 2 critical, 3 unknown. */
export async function run(context: CommandContext): Promise<number> {
  const { flags, out } = context;
  const format = flags.on('json') ? 'json' : flags.read('format', oneOf('nagios', 'json', 'prometheus'));
  const report = await check(context);
  if (format === 'json') out(`${JSON.stringify(report)}\n`);
  else out(format === 'prometheus' ? prometheusText(report) : nagiosLine(report));
  return EXIT_CODES[report.state];
}

async function check(context: CommandContext): Promise<CheckReport> {
  const { flags, clock, view } = context;
  const seconds = (name: string) => flags.read(name, duration()) / 1_000;
  const thresholds = {
    lag: { warning: seconds('lag-warning'), critical: seconds('lag-critical') },
    pending: limits(flags, 'pending'),
    unflushed: limits(flags, 'unflushed'),
    others: { warning: seconds('others-warning'), critical: seconds('others-critical') },
    memory: limits(flags, 'memory'),
  };
  const lateAfterMs = flags.read('late-after', duration({ minMs: 1_000 }));
  const patienceMs = flags.read('patience', duration({ minMs: 1, maxMs: 600_000 }));
  const time = (ms: number) => formatTime(ms, view.timeZone);
  try {
    return await withDeployment(context, async (target) =>
      checkReport(judge(await lookAtStatus(target, { clock, patienceMs }), { lateAfterMs, time }), thresholds),
    );
  } catch (error) {
    // What the monitor was told wrong is not the deployment's fault.
    if (!(error instanceof WeirError) || error instanceof UsageError || error instanceof SettingsError) throw error;
    return unreachable(flags.read('prefix', keyPrefix), error.message.replace(/\s*[\r\n]+\s*/g, ' '));
  }
}

function limits(flags: Flags, name: string): Limits {
  const most = integer(0, 1_000_000_000);
  return {
    warning: flags.readOptional(`${name}-warning`, most) ?? null,
    critical: flags.readOptional(`${name}-critical`, most) ?? null,
  };
}
