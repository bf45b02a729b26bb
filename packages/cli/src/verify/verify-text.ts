import { type Cell, formatTable, printable } from '../table.ts';
import { formatTime } from '../time-text.ts';
import type { View } from '../view.ts';
import { LEAVE, type Leave } from './differences.ts';
import type { ListedDifference, VerifyOutcome, VerifyPlan } from './verify-report.ts';

/** What `weir verify` found and did, for eyes. Pure. */
const WHY: Readonly<Record<Leave, (values: string) => string>> = {
  'on-its-way': (values) => `${values} on the way: the aggregators are still to write them`,
  counting: (values) => `${values} of windows that are being counted: look again once they are published`,
  gone: (values) =>
    `${values} of windows that Redis does not know any more: of two values the larger is right if nothing was altered by hand (--repair --trust-larger)`,
  'redis-lost-data': (values) =>
    `${values} larger than what Redis knows, and Redis has lost data since, or no aggregator says that it has not: they stay`,
  'not-borne-out': (values) =>
    `${values} larger than what Redis knows, and no other sink holds what Redis knows: they stay`,
  'not-counted': (values) =>
    `${values} of groups that Redis does not know in that window: somebody else wrote them, and they go only by hand`,
};

export function verifyPlanText(plan: VerifyPlan, { paint, timeZone }: View): string {
  const time = (sec: number) => formatTime(sec * 1_000, timeZone);
  const lines: string[] = [];
  const read = plan.sinks.filter(({ state }) => state === 'read').map(({ name }) => name);
  if (plan.differences.length > 0) {
    const names = plan.sinks.filter(({ state }) => state === 'read' || state === 'failing').map(({ name }) => name);
    const left = ['window', 'measurement', 'type', 'product', 'known by', 'repair'];
    const rows = plan.differences.map((each): Cell[] => [
      time(each.startSec),
      each.measurement,
      each.eventType,
      each.product,
      ...names.map((name) => valueCell(each, name)),
      each.redis === null ? '-' : String(each.redis),
      each.truth === null ? '?' : String(each.truth),
      each.knownBy,
      repairText(each),
    ]);
    const header = ['window', 'measurement', 'type', 'product', ...names, 'redis', 'true', 'known by', 'repair'];
    lines.push(formatTable(header, rows, { paint, left }));
    const more = plan.differentPoints - plan.differences.length;
    if (more > 0) lines.push(`and ${more} more (--limit)\n`);
  }
  for (const { name, state, error } of plan.sinks) {
    if (state === 'failing') lines.push(`${name} cannot be read: ${oneLine(error ?? '')}\n`);
    if (state === 'write-only') lines.push(`${name} is not looked at: it cannot be read back\n`);
    if (state === 'not-given') lines.push(`${name} is not looked at: no --sink says where it is\n`);
  }
  const span = `${windowsText(plan.windows)} from ${time(plan.fromSec)} to ${time(plan.toSec)}, ${plan.knownWindows} of them known to Redis`;
  const found =
    plan.differentPoints === 0
      ? `${plan.values} values of ${read.join(', ') || 'no sink'} are equal`
      : `${plan.differentPoints} points differ, in ${windowsText(plan.differentWindows)}`;
  lines.push(`${span}: ${found}\n`);
  for (const why of LEAVE) if (plan.left[why] > 0) lines.push(`${WHY[why](valuesText(plan.left[why]))}\n`);
  const { windows, values } = plan.repairs;
  if (values > 0) {
    const verb = plan.repair ? 'to be written' : 'can be mended with --repair';
    lines.push(`${valuesText(values)} of ${windowsText(windows)} ${verb}\n`);
  }
  return lines.join('');
}

function valueCell({ sinks }: ListedDifference, name: string): Cell {
  const of = sinks.find(({ sink }) => sink === name);
  if (!of) return '?';
  return { text: of.value === null ? '-' : String(of.value), tone: of.repair === null ? undefined : 'bad' };
}

function repairText({ sinks, write }: ListedDifference): string {
  const parts = sinks.flatMap(({ sink, repair }) => {
    if (repair === null) return [];
    return repair === 'write' ? `${sink} to ${write}` : `${sink} stays: ${repair}`;
  });
  return parts.join(', ');
}

export function verifyOutcomeText(outcome: VerifyOutcome): string {
  const { windows, values, changedWindows, refusedValues, missingValues, failedSinks } = outcome;
  const lines = [`wrote ${valuesText(values)} of ${windowsText(windows)}, and read them back\n`];
  if (changedWindows > 0) lines.push(`${changedWindows} windows were left alone: they changed meanwhile\n`);
  if (refusedValues > 0) lines.push(`${valuesText(refusedValues)} refused by their sink\n`);
  if (missingValues > 0) lines.push(`${valuesText(missingValues)} not there when they were read back\n`);
  for (const { name, error } of failedSinks) lines.push(`${name} failed: ${oneLine(error)}\n`);
  return lines.join('');
}

const windowsText = (windows: number): string => (windows === 1 ? '1 window' : `${windows} windows`);
const valuesText = (values: number): string => (values === 1 ? '1 value' : `${values} values`);
const oneLine = (text: string): string => printable(text.replace(/\s+/g, ' '));
