import { z } from 'zod';

/**
 * What a setting's text may be, and what it becomes. Every value type says in words what it expects, because that
 * sentence is all an operator gets to see when a start ends with exit code 78. Pure: no file, no clock, no process.
 */
export interface ValueType<T> {
  /** Completes "expected …". */
  readonly expected: string;
  readonly schema: z.ZodType<T, string>;
  /** The text as it may be shown in logs and errors: secrets masked. */
  readonly show: (text: string) => string;
}

const asIs = (text: string): string => text;

/** `read` answers undefined for a text that is no such value. */
export function valueType<T>(
  expected: string,
  read: (text: string) => T | undefined,
  show: (text: string) => string = asIs,
): ValueType<T> {
  const schema = z.string().transform((text, context): T => {
    const value = read(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
  return { expected, schema, show };
}

export function text(expected = 'some text'): ValueType<string> {
  return valueType(expected, (text) => (text === '' ? undefined : text));
}

/** A value that is never shown. */
export function secret(expected = 'some text'): ValueType<string> {
  return valueType(
    expected,
    (text) => (text === '' ? undefined : text),
    () => '***',
  );
}

export function oneOf<const V extends readonly [string, ...string[]]>(...values: V): ValueType<V[number]> {
  const known = new Map<string, V[number]>(values.map((value) => [value, value]));
  const expected = values.length > 2 ? `one of ${values.join(', ')}` : values.join(' or ');
  return valueType(expected, (text) => known.get(text));
}

export const onOff: ValueType<boolean> = valueType('true or false', (text) =>
  text === 'true' ? true : text === 'false' ? false : undefined,
);

/** A whole number between the two bounds, both included. */
export function integer(min: number, max: number): ValueType<number> {
  return valueType(`a whole number from ${min} to ${max}`, (text) => {
    if (!/^-?[0-9]{1,16}$/.test(text)) return undefined;
    const value = Number(text);
    return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
  });
}

/** A name that shows up in logs and tables, and as a field in Redis: relay ids, aggregator ids. */
export const name: ValueType<string> = valueType('a name of 1 to 128 bytes, printable and without spaces', (text) =>
  /^[^\s\p{C}]+$/u.test(text) && Buffer.byteLength(text) <= 128 ? text : undefined,
);

/** What all Redis keys begin with. Braces would move the hash tags that keep a partition's keys together. */
export const keyPrefix: ValueType<string> = valueType(
  'a name of 1 to 128 bytes, printable, without spaces and braces',
  (text) => (/^[^\s\p{C}{}]+$/u.test(text) && Buffer.byteLength(text) <= 128 ? text : undefined),
);

/** Sinks stand in hash tags of Redis keys and in lists joined by commas. */
export const sinkName: ValueType<string> = valueType(
  'a name of 1 to 128 bytes, printable, without spaces, commas and braces',
  (text) => (/^[^\s\p{C}{},]+$/u.test(text) && Buffer.byteLength(text) <= 128 ? text : undefined),
);

export interface Address {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

function readAddress(text: string): Address | undefined {
  const match = /^(?:\[([^\]]*)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/.exec(text);
  if (!match || Number(match[3]) > 65_535) return undefined;
  const [, bracketed, plain, port] = match;
  if (bracketed !== undefined && !z.ipv6().safeParse(bracketed).success) return undefined;
  return Object.freeze({ host: bracketed ?? plain!, port: Number(port) });
}

/** `host:port` or `[ipv6]:port`; port 0 takes a free one. */
export const address: ValueType<Address> = valueType('host:port, such as 127.0.0.1:9600 or [::1]:0', readAddress);

export const addressOrOff: ValueType<Address | 'off'> = valueType(
  'host:port, such as 127.0.0.1:9600 or [::1]:0, or the word off',
  (text) => (text === 'off' ? 'off' : readAddress(text)),
);

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only processes of this machine reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

const DURATION_UNITS_MS = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

function readDurationMs(text: string): number | undefined {
  const match = /^([0-9]{1,12})(ms|s|m|h|d)$/.exec(text);
  return match ? Number(match[1]) * DURATION_UNITS_MS.get(match[2]!)! : undefined;
}

const LONGEST_MS = 10_000 * 86_400_000;

/** Becomes milliseconds; both bounds included. */
export function duration({ minMs = 0, maxMs = LONGEST_MS } = {}): ValueType<number> {
  const bounded = minMs > 0 || maxMs < LONGEST_MS;
  const bounds = bounded ? `, from ${formatDuration(minMs)} to ${formatDuration(maxMs)}` : '';
  return valueType(`a duration such as 500ms, 60s, 15m, 6h or 7d${bounds}`, (text) => {
    const ms = readDurationMs(text);
    return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
  });
}

/** The shortest text that `duration` reads back as the same number of milliseconds. */
export function formatDuration(ms: number): string {
  for (const [unit, unitMs] of [...DURATION_UNITS_MS].reverse()) {
    if (ms >= unitMs && ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  }
  return `${ms}ms`;
}

const BYTE_UNITS = new Map([
  ['', 1],
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
]);

/** Becomes bytes. */
export function byteSize({ minBytes = 0, maxBytes = 2 ** 50 } = {}): ValueType<number> {
  return valueType(`a size such as 512KiB, 64MiB or 1GB, from ${minBytes} to ${maxBytes} bytes`, (text) => {
    const match = /^([0-9]{1,15})((?:[KMGT]i?)?B|)$/.exec(text);
    if (!match) return undefined;
    const bytes = Number(match[1]) * BYTE_UNITS.get(match[2]!)!;
    return bytes >= minBytes && bytes <= maxBytes ? bytes : undefined;
  });
}

/** Kept as it is, user and password included: it goes to the Redis client. */
export const redisUrl: ValueType<string> = valueType(
  'redis://[user:password@]host[:port][/db] or rediss://…',
  (text) => {
    if (!URL.canParse(text)) return undefined;
    const { protocol, hostname, pathname } = new URL(text);
    if (protocol !== 'redis:' && protocol !== 'rediss:') return undefined;
    return hostname !== '' && /^(\/[0-9]*)?$/.test(pathname) ? text : undefined;
  },
  maskUrl,
);

/** The `host:port` behind a Redis URL, for messages. */
export function redisAddress(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port === '' ? 6379 : port}`;
}

/**
 * Hides what may be a password or a token in a URL: all between the user's name and the last `@`, and the query's `p`,
 * `password` and `token`. Works on text that is no URL too, because a mistyped URL is shown in an error; in doubt it
 * hides too much.
 */
export function maskUrl(text: string): string {
  return text.replace(/^(.*?\/\/)?([^:@]*):.*@/s, '$1$2:***@').replace(/([?&](?:p|password|token)=)[^&#]*/gi, '$1***');
}
