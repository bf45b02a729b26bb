import type { PointLines } from '@weir/common/line-encode';
import type { RejectedLine, SinkPoint, SinkWindow } from './sink.ts';

/** Points as the lines that files and stdout show, in the order given. */
export function pointsText(lines: PointLines, window: SinkWindow, points: readonly SinkPoint[]): string {
  return points.map((point) => `${lines.line(point, window)}\n`).join('');
}

/** Other lines as they are, but for those that would be read as none, or as several. */
export function linesText(lines: readonly string[]): { text: string; rejected: RejectedLine[] } {
  const { sound, rejected } = partLines(lines);
  return { text: sound.map((line) => `${line}\n`).join(''), rejected };
}

/**
 * Tells apart what every reader of line protocol takes for one line, and what it would skip without a word (blank lines,
 * comments) or take for several (a newline, also one in quotes).
 */
export function partLines(lines: readonly string[]): { sound: string[]; rejected: RejectedLine[] } {
  const sound: string[] = [];
  const rejected: RejectedLine[] = [];
  for (const line of lines) {
    if (line.includes('\n')) rejected.push({ line, reason: 'holds a newline, so it is not one line' });
    else if (/^[ \t\0]*(#|$)/.test(line)) rejected.push({ line, reason: 'is blank or a comment' });
    else sound.push(line);
  }
  return { sound, rejected };
}
