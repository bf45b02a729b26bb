import { maskUrl } from '@weir/common/setting-values';
import { z } from 'zod';
import { type FlagSpec, flagName } from './command-spec.ts';
import type { Flags } from './flags.ts';
import { reportSchema } from './report-schema.ts';
import { formatTable } from './table.ts';
import type { View } from './view.ts';

/** The settings of `weir` as they would be used, secrets masked. Pure. */
export const CONFIG_SCHEMA = reportSchema('config', 1, 'The settings of the operators’ command, secrets masked.', {
  settings: z.array(
    z.object({
      name: z.string(),
      value: z.string().nullable().describe('null: not set'),
      origin: z.enum(['flag', 'environment', 'file', 'default']).nullable(),
      from: z.string().nullable().describe('the flag, the variable, or the key and file'),
    }),
  ),
});

export type ConfigReport = z.infer<typeof CONFIG_SCHEMA>;

export function configReport(specs: readonly FlagSpec[], flags: Flags): ConfigReport {
  const settings = specs.map((spec) => {
    const name = flagName(spec);
    const found = flags.find(name);
    if (!found) return { name, value: null, origin: null, from: null };
    const { origin, texts, name: from } = found;
    // A switch that was typed has no text.
    const shown = (text: string) => (spec.secret ? '***' : maskUrl(text === '' ? 'true' : text));
    const value = texts.map(shown).join(',');
    return { name, value, origin, from: origin === 'default' ? null : from };
  });
  return { schema: 'weir.config/1', settings };
}

export function configText({ settings }: ConfigReport, withOrigin: boolean, { paint }: Pick<View, 'paint'>): string {
  const set = settings.filter(({ value }) => value !== null);
  if (!withOrigin) return set.map(({ name, value }) => `${name}: ${JSON.stringify(value)}\n`).join('');
  const rows = set.map(({ name, value, origin, from }) => [name, value!, from ?? origin ?? '']);
  return formatTable(['setting', 'value', 'from'], rows, { paint, left: ['setting', 'value', 'from'] });
}
