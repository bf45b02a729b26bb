import { z } from 'zod';
import type { Tone } from './paint.ts';
import { reportSchema, unixMs } from './report-schema.ts';
import { type Cell, formatTable, printable } from './table.ts';
import type { View } from './view.ts';

/** What `weir doctor` tells: a line for each thing it looked at, with the remedy where something is not as it should be. Pure. */
export const HEALTH = ['ok', 'advice', 'bad', 'unknown'] as const;

const lineSchema = z.object({
  about: z.string(),
  health: z.enum(HEALTH).describe('advice: it works, and could be better; bad: a guarantee does not hold'),
  found: z.string(),
  remedy: z.string().nullable(),
});

export const DOCTOR_SCHEMA = reportSchema('doctor', 1, 'Whether what Weir stands on is as it should be.', {
  prefix: z.string(),
  redisTimeMs: unixMs.describe("Redis's clock, Unix milliseconds"),
  lines: z.array(lineSchema),
});

export type DoctorReport = z.infer<typeof DOCTOR_SCHEMA>;
export type DoctorLine = DoctorReport['lines'][number];

export const good = (about: string, found: string): DoctorLine => ({ about, health: 'ok', found, remedy: null });
export const line = (
  about: string,
  health: DoctorLine['health'],
  found: string,
  remedy: string | null = null,
): DoctorLine => ({ about, health, found, remedy });

const TONES: Readonly<Record<DoctorLine['health'], Tone | undefined>> = {
  ok: 'good',
  advice: 'warning',
  bad: 'bad',
  unknown: undefined,
};

export function doctorTable({ lines }: DoctorReport, { paint }: Pick<View, 'paint'>): string {
  const rows = lines.map(({ health, about, found }): Cell[] => [{ text: health, tone: TONES[health] }, about, found]);
  const [header, ...printed] = formatTable(['health', 'about', 'found'], rows, {
    paint,
    left: ['health', 'about', 'found'],
  })
    .trimEnd()
    .split('\n');
  const withRemedies = printed.flatMap((text, i) => {
    const { remedy } = lines[i]!;
    return remedy === null ? [text] : [text, `    -> ${printable(remedy)}`];
  });
  return `${[header, ...withRemedies].join('\n')}\n`;
}
