import { drainText } from '../lag-table.ts';
import { rateText } from '../rate-text.ts';
import { findingText, redisText, TONES } from '../status-text.ts';
import { orQuestion, printable } from '../table.ts';
import { formatAge, formatTime } from '../time-text.ts';
import { cellsOf, clip, wrap } from './cells.ts';
import { HELP } from './help.ts';
import type { History } from './history.ts';
import type { Wishes } from './keys.ts';
import { partSections } from './part-sections.ts';
import { partitionsSection } from './partitions-section.ts';
import { fit, layOut, type Section } from './sections.ts';
import { highest, sparkline } from './sparkline.ts';
import type { TopReport } from './top-report.ts';
import { ellipsis, type TopStyle } from './top-style.ts';

/** What `weir top` shows, as lines: the verdict, what comes and goes, every part as far as there is room. Pure. */
export interface Picture {
  report: TopReport;
  history: History;
  wishes: Wishes;
  /** Of the report. */
  ageMs: number;
  /** Why there is no newer one. */
  fault: string | undefined;
}

export interface Size {
  columns: number;
  rows: number;
}

/** Less than this is no news: a look takes its time. */
const OLD_MS = 2_000;
/** With fewer rows what is said in tables is said in one line. */
const LOW = 10;

/** At most `rows` lines of at most `columns` cells. */
export function topLines(picture: Picture, size: Size, style: TopStyle): string[] {
  const { columns, rows } = size;
  if (picture.wishes.help) return fit(HELP, columns, rows);
  const head = [...warning(picture, columns, style), ...verdict(picture, size, style)];
  const flow = flowLines(picture, columns, style);
  const foot = [footer(picture, columns, style)];
  const low = rows < LOW;
  const above = [...head, ...(low ? flow.slice(0, 1) : flow.map((line) => wholeParts(line, columns)))];
  const below = low ? foot : [wholeParts(redisText(picture.report.status).trimEnd(), columns), ...foot];
  const between = rows - above.length - below.length;
  const parts = sections(picture, columns, style);
  const body =
    spaced(parts, between) ??
    layOut(parts, Math.max(0, between), (left) => style.paint(`${ellipsis(style)} ${left} more`, 'faint'));
  const filled = fill([...above, ...body], rows - below.length);
  return fit(between < 0 ? [...above, ...foot] : [...filled, ...below], columns, rows);
}

/** Everything, for a pipe or a file: nothing is cut, and there is nobody to press keys. */
export function topText(picture: Picture, columns: number, style: TopStyle): string {
  const { status } = picture.report;
  const lines = [
    `${formatTime(status.redisTimeMs, style.timeZone)} ${status.prefix}`,
    ...verdictLines(picture, style),
    ...flowLines(picture, columns, style),
    ...sections(picture, columns, style).flatMap(({ heading, rows }) => [heading, ...rows]),
    redisText(status).trimEnd(),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function sections({ report, history, wishes }: Picture, columns: number, style: TopStyle): Section[] {
  const { partitions } = report.lag;
  return [
    partitionsSection({ partitions, history, sort: wishes.sort, skipped: wishes.skipped, columns }, style),
    ...partSections(report.status, columns, style),
  ];
}

/** With air between them, where there is plenty. */
function spaced(parts: readonly Section[], rows: number): string[] | undefined {
  const lines = parts.flatMap(({ heading, rows: all }) => ['', heading, ...all]);
  return lines.length < rows ? lines : undefined;
}

/** Of a list that has no room its last parts go, not half of one. */
function wholeParts(list: string, columns: number): string {
  let shown = list;
  while (cellsOf(shown) > columns && shown.includes(', ')) shown = shown.slice(0, shown.lastIndexOf(', '));
  return shown;
}

function fill(lines: readonly string[], rows: number): string[] {
  return [...lines, ...Array.from({ length: Math.max(0, rows - lines.length) }, () => '')];
}

function warning({ ageMs, fault }: Picture, columns: number, { paint }: TopStyle): string[] {
  if (fault === undefined) return [];
  const text = printable(`${formatAge(ageMs)} old: Redis does not answer, trying again (${fault})`);
  return [paint(clip(text, columns), 'bad')];
}

/** A quarter of the rows at most, so that it never drives out what it rests on. */
function verdict(picture: Picture, { columns, rows }: Size, style: TopStyle): string[] {
  const lines = verdictLines(picture, style).flatMap((line) => wrap(line, columns, 2));
  const most = Math.max(1, Math.floor(rows / 4));
  if (lines.length <= most || most === 1) return lines.slice(0, most);
  return [...lines.slice(0, most - 1), style.paint(`${ellipsis(style)} more: weir status`, 'faint')];
}

function verdictLines({ report }: Picture, { paint }: TopStyle): string[] {
  const { verdict: word, findings } = report.status;
  const said = findings.flatMap((finding) => findingText(finding, paint).split('\n'));
  return word === 'ok' ? [`${paint('ok', TONES.ok)}: numbers are complete and on time`, ...said] : said;
}

/** What comes and what goes on one scale, so that they can be held against each other. */
function flowLines({ report, history }: Picture, columns: number, style: TopStyle): string[] {
  const { totals } = report.lag;
  const { status } = report;
  const half = Math.floor((columns - 2) / 2);
  const [comes, goes] = [history.of(({ rateIn }) => rateIn), history.of(({ rateOut }) => rateOut)];
  const top = Math.max(highest(comes.slice(-half)), highest(goes.slice(-half)));
  const age = totals.lagSeconds === null ? '?' : formatAge(totals.lagSeconds * 1_000);
  const books = status.books.balanced === true ? ', books balance' : '';
  const windows = `windows ${status.windows.open} open ${status.windows.due} due`;
  const drained = totals.lagEvents === 0 ? '' : `, drained in ${drainText(totals)}`;
  return [
    beside(
      graph('in/s', rateText(totals.rateInPerSec), comes, { half, top, style }),
      graph('out/s', rateText(totals.rateOutPerSec), goes, { half, top, style }),
    ),
    beside(
      graph(
        'lag',
        orQuestion(totals.lagEvents),
        history.of(({ lagEvents }) => lagEvents),
        { half, style },
      ),
      graph(
        'oldest',
        age,
        history.of(({ lagSeconds }) => lagSeconds),
        { half, style },
      ),
    ),
    `${totals.trend ?? '?'}${drained}, ${totals.pendingEntries} pending, ${windows}${books}`,
  ];
}

const beside = (left: string, right: string): string => `${left}  ${right}`;
const LABEL_CELLS = 6;
const VALUE_CELLS = 8;

function graph(
  label: string,
  value: string,
  values: readonly (number | null)[],
  { half, top, style }: { half: number; top?: number; style: TopStyle },
): string {
  const said = `${style.paint(label.padEnd(LABEL_CELLS), 'faint')} ${value.padStart(VALUE_CELLS)} `;
  const cells = half - cellsOf(said);
  return said + sparkline(values, { cells, ascii: style.ascii, ...(top === undefined ? {} : { top }) });
}

function footer({ report, wishes, ageMs, fault }: Picture, columns: number, { paint, timeZone }: TopStyle): string {
  const { prefix, redisTimeMs } = report.status;
  const late = fault === undefined && ageMs > wishes.intervalMs + OLD_MS && !wishes.paused;
  const state = wishes.paused
    ? paint(`PAUSED, ${formatAge(ageMs)} old`, 'warning')
    : late
      ? paint(`${formatAge(ageMs)} old`, 'warning')
      : '';
  const place = `${formatTime(redisTimeMs, timeZone)} ${printable(prefix)}`;
  const left = [place, state, `every ${formatAge(wishes.intervalMs)}`, `by ${wishes.sort}`].filter(Boolean).join('  ');
  const keys = paint('q quit  ? help', 'faint');
  const gap = columns - cellsOf(left) - cellsOf(keys);
  return gap >= 2 ? left + ' '.repeat(gap) + keys : left;
}
