import type { CheckReport, Measure } from './check-report.ts';
import { EXIT_CODES } from './check-report.ts';
import { printable } from './table.ts';

/** The check in the words of monitors. Pure. */

/** One line: `WEIR OK - … | lag=0.4s;30;120;0 …`, as monitoring plugins have it. A `|` in a name would end the message. */
export function nagiosLine({ state, message, measures }: CheckReport): string {
  const text = printable(message).replaceAll('|', '/');
  const data = measures.map(perfdata).join(' ');
  return `WEIR ${state.toUpperCase()} - ${text}${data === '' ? '' : ` | ${data}`}\n`;
}

/** U: not known. */
function perfdata({ name, value, unit, warning, critical }: Measure): string {
  const label = /^[A-Za-z0-9_.-]+$/.test(name) ? name : `'${printable(name).replace(/['=|]/g, '_')}'`;
  return `${label}=${value ?? 'U'}${value === null ? '' : unit};${warning ?? ''};${critical ?? ''};0`;
}

/** The text format; what is not known is left out. */
export function prometheusText({ state, measures, prefix }: CheckReport): string {
  const labels = `prefix="${escaped(prefix)}"`;
  const lines = [
    '# HELP weir_check_state 0 ok, 1 warning, 2 critical, 3 unknown',
    '# TYPE weir_check_state gauge',
    `weir_check_state{${labels}} ${EXIT_CODES[state]}`,
  ];
  const families = new Map<string, string[]>();
  for (const { name, value, unit } of measures) {
    if (value === null) continue;
    const [, of, sink] = /^(unflushed|others)_(.+)$/s.exec(name) ?? [];
    const family = of === 'unflushed' ? 'weir_check_unflushed_windows' : `weir_check_${of ?? name}${suffixOf(unit)}`;
    const labelled = sink === undefined ? labels : `${labels},sink="${escaped(sink)}"`;
    families.set(family, [...(families.get(family) ?? []), `${family}{${labelled}} ${value}`]);
  }
  for (const [family, samples] of families) lines.push(`# TYPE ${family} gauge`, ...samples);
  return `${lines.join('\n')}\n`;
}

function suffixOf(unit: Measure['unit']): string {
  if (unit === 's') return '_seconds';
  return unit === '%' ? '_percent' : '';
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
