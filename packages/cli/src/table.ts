/** Plain text tables: every column right-aligned, two spaces between, no trailing ones. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((cells) => cells.map(printable));
  const widths = header.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  return lines
    .map(
      (cells) =>
        `${widths
          .map((width, column) => (cells[column] ?? '').padStart(width))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Names come from outside: none of them may move the cursor or break a line. */
function printable(cell: string): string {
  return cell.replace(/[\p{C}\u2028\u2029]/gu, '?');
}

export function orQuestion(value: number | null): string {
  return value === null ? '?' : String(value);
}

/** A duration for eyes: `0s`, `0.2s`, `59.9s`, `3m07s`, `5h03m`, `12d04h`. */
export function formatAge(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 59_950) return `${Math.max(0.1, ms / 1_000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}
