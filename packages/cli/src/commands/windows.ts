import { partitionKeys } from '@weir/common/keys';
import { integer, sinkName } from '@weir/common/setting-values';
import { type CommandContext, UsageError } from '../command-context.ts';
import { lookAtDaemons } from '../daemons-look.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import { readWindow } from '../ledger-windows.ts';
import { show } from '../show.ts';
import { type WindowStatus, windowStatuses } from '../window-status.ts';
import { lookAtWindows } from '../windows-look.ts';
import { WINDOWS_SCHEMA, type WindowDetail, type WindowsReport, windowDetail } from '../windows-report.ts';
import { windowsTable } from '../windows-table.ts';

export const schema = WINDOWS_SCHEMA;

interface Wanted {
  sink: string | undefined;
  startSec: number | undefined;
  windows: number;
  groups: number;
  pendingOnly: boolean;
}

export async function run(context: CommandContext): Promise<number> {
  const { flags, operands } = context;
  const startSec = operands[0] === undefined ? undefined : windowStart(operands[0]);
  const wanted: Wanted = {
    sink: flags.readOptional('sink', sinkName),
    startSec,
    windows: flags.read('windows', integer(1, 10_000)),
    groups: flags.readOptional('groups', integer(0, 1_000_000)) ?? (startSec === undefined ? 0 : 20),
    pendingOnly: flags.on('unflushed'),
  };
  return withDeployment(context, (target) =>
    show(context, async () => {
      const report = await lookAt(target, wanted);
      return { report, text: (view) => windowsTable(report, view) };
    }),
  );
}

/** Unix seconds, or a moment as `weir` prints it. */
function windowStart(operand: string): number {
  const seconds = /^[0-9]{1,12}$/.test(operand) ? Number(operand) : Date.parse(operand) / 1_000;
  if (Number.isFinite(seconds)) return seconds;
  throw new UsageError(
    `${JSON.stringify(operand)}: expected the start of a window, in Unix seconds or as 2016-11-07T08:32:00Z`,
  );
}

async function lookAt({ redis, prefix, partitions }: DeploymentTarget, wanted: Wanted): Promise<WindowsReport> {
  const daemons = await lookAtDaemons(redis, prefix);
  const { sinks = [], windowMs = 60_000 } = daemons.deployment;
  if (wanted.sink !== undefined && !sinks.includes(wanted.sink)) {
    throw new UsageError(`--sink: got ${JSON.stringify(wanted.sink)}, expected ${sinks.join(' or ')}`);
  }
  const shownSinks = wanted.sink === undefined ? sinks : [wanted.sink];
  const look = await lookAtWindows(redis, prefix, partitions, shownSinks);
  const all = windowStatuses(look, daemons);
  const chosen = all
    .filter(({ startSec }) => wanted.startSec === undefined || isWithin(wanted.startSec, startSec, windowMs))
    .filter((window) => !wanted.pendingOnly || waits(window))
    .slice(0, wanted.windows);
  const windows: WindowDetail[] = [];
  for (const status of chosen) {
    const openIn = [...(look.open.find(({ startSec }) => startSec === status.startSec)?.parts.keys() ?? [])];
    const keys = openIn.map((partition) => partitionKeys(prefix, partition));
    windows.push(windowDetail(status, await readWindow(redis, prefix, status.startSec, keys), wanted.groups));
  }
  return { schema: 'weir.windows/1', prefix, redisTimeMs: daemons.redisMs, windows, inAll: all.length };
}

function isWithin(sec: number, startSec: number, windowMs: number): boolean {
  return sec >= startSec && sec < startSec + windowMs / 1_000;
}

function waits({ sinks }: WindowStatus): boolean {
  return sinks.some(({ state }) => state === 'unflushed' || state === 'unsettled');
}
