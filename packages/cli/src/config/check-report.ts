import { EXPECTED_FORM, type SettingsFileText } from '@weir/common/settings-file';
import { z } from 'zod';
import { orUnknown, reportSchema } from '../report-schema.ts';
import type { Fault, Judged } from './judge-file.ts';
import { judgeFile } from './judge-file.ts';
import { PROGRAMS, type ProgramName, type ProgramSettings } from './program-settings.ts';

/** What is wrong with a `--config` file. Pure. */
const faultSchema = z.object({
  key: z.string().nullable().describe('null: of no single one'),
  line: z.number().nullable().describe('in the file; null: it does not say it'),
  value: z.string().nullable().describe('secrets masked; null: none, or not known whether it is one'),
  expected: z.string(),
  message: z.string(),
});

export const CONFIG_CHECK_SCHEMA = reportSchema('config-check', 1, 'What is wrong with a settings file.', {
  file: z.string(),
  right: z.boolean(),
  programs: z
    .array(z.object({ program: z.enum(PROGRAMS), faults: z.array(faultSchema) }))
    .describe('for which it was judged: the one asked for, or those whose keys it has'),
  deployment: orUnknown(z.string()).describe(
    'whose recorded settings it was compared with; null: none was asked for, or nothing is recorded',
  ),
});

export type ConfigCheckReport = z.infer<typeof CONFIG_CHECK_SCHEMA>;

export interface JudgedProgram extends Judged {
  program: ProgramName;
}

/**
 * As the program asked for would take it; else as those would to which the fewest of its keys are unknown: there may be
 * several, as they share some.
 */
export function judgeText(
  { items, fault }: SettingsFileText,
  programs: readonly ProgramSettings[],
  asked: ProgramName | undefined,
): JudgedProgram[] {
  const unknown = ({ keys }: ProgramSettings) => items.filter(({ name }) => !keys.has(name)).length;
  const fewest = Math.min(...programs.map(unknown));
  const chosen = programs.filter((of) => (asked === undefined ? unknown(of) === fewest : of.program === asked));
  return chosen.map((of) => {
    if (fault) return { program: of.program, settings: {}, faults: [formFault(fault.yaml)] };
    const others = programs.filter((other) => other !== of);
    return { program: of.program, ...judgeFile(items, of, others) };
  });
}

function formFault(yaml: NonNullable<SettingsFileText['fault']>['yaml']): Fault {
  const line = yaml?.linePos?.[0].line ?? null;
  const what = yaml ? `no YAML (${yaml.code})` : 'YAML of another form';
  return { key: null, line, value: null, expected: EXPECTED_FORM, message: `${what}, ${EXPECTED_FORM}` };
}

export function checkReport(
  file: string,
  judged: readonly JudgedProgram[],
  deployment: string | null,
): ConfigCheckReport {
  const programs = judged.map(({ program, faults }) => ({ program, faults }));
  const right = programs.every(({ faults }) => faults.length === 0);
  return { schema: 'weir.config-check/1', file, right, programs, deployment };
}

/** A line for each fault, in the form of compilers, or one that says for whom the file is right. */
export function checkText({ file, right, programs, deployment }: ConfigCheckReport): string {
  const called = programs.map(({ program }) => (program === 'cli' ? 'weir' : `weir-${program}`));
  if (right) {
    const as = deployment === null ? '' : `, and as deployment "${deployment}" has it recorded`;
    return `${file}: right for ${called.join(' and ')}${as}\n`;
  }
  const lines = programs.flatMap(({ faults }) =>
    faults.map(({ line, message }) => `${file}${line === null ? '' : `:${line}`}: ${message}\n`),
  );
  return [...new Set(lines)].join('');
}

export function countFaults({ programs }: ConfigCheckReport): number {
  return new Set(programs.flatMap(({ faults }) => faults.map(({ line, message }) => `${line} ${message}`))).size;
}
