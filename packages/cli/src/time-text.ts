/** Moments and durations for eyes. Pure. */

/** `2016-11-07T09:32:00+01:00`, or with `Z` in UTC: of the reader's time zone, and still unmistakable in a ticket. */
export function formatTime(ms: number, timeZone: string): string {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return '?';
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, value]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? '';
  const offset = part('timeZoneName').replace('GMT', '');
  const date = `${part('year')}-${part('month')}-${part('day')}`;
  return `${date}T${part('hour')}:${part('minute')}:${part('second')}${offset === '' || offset === '+00:00' ? 'Z' : offset}`;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();

/** Making one takes a millisecond. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = FORMATS.get(timeZone);
  if (!format) {
    const two = '2-digit';
    const time = { hour: two, minute: two, second: two, hourCycle: 'h23', timeZoneName: 'longOffset' } as const;
    format = new Intl.DateTimeFormat('en', { timeZone, year: 'numeric', month: two, day: two, ...time });
    FORMATS.set(timeZone, format);
  }
  return format;
}

/** `0s`, `0.2s`, `59.9s`, `3m07s`, `5h03m`, `12d04h`. */
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

/** `512 B`, `1.5 KiB`, `34 MiB`. */
export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1_024 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${unit === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
