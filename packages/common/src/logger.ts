import { destination, pino, stdTimeFunctions } from 'pino';
import type { LOG_LEVELS } from './daemon-settings.ts';
import { WeirError } from './errors.ts';

/** What the parts of Weir may ask of a log: small enough that a test hands in its own. Errors go under `err`. */
export interface LogMethod {
  (fields: object, message: string): void;
  (message: string): void;
}

export interface Logger {
  debug: LogMethod;
  info: LogMethod;
  warn: LogMethod;
  error: LogMethod;
  fatal: LogMethod;
  child(fields: Record<string, unknown>): Logger;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  child: () => silentLogger,
};

export interface LoggerOptions {
  /** The program; `name` of every line. */
  name: string;
  level: (typeof LOG_LEVELS)[number];
  /** `pretty` is for eyes: colours and local time. */
  format: 'json' | 'pretty';
  /** Where lines go instead of stderr (tests). */
  write?: (line: string) => void;
}

/**
 * JSON lines with `level`, `time` (ISO 8601), `name` and `msg`. Lines are written at once, not buffered, so the last
 * words of a dying process are never lost; that is affordable because no log line stands on the way of an event.
 */
export async function createLogger({ name, level, format, write }: LoggerOptions): Promise<Logger> {
  const logger: Logger = pino(
    {
      level,
      base: { name },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    format === 'pretty' ? await prettyStream(write) : write ? { write } : destination({ dest: 2, sync: true }),
  );
  return logger;
}

/** Loaded only for a terminal: no machine reads it, and it would slow every start. */
async function prettyStream(write?: (line: string) => void): Promise<{ write(line: string): void }> {
  const { prettyFactory } = await import('pino-pretty');
  const pretty = prettyFactory({
    colorize: write === undefined,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'name',
    singleLine: true,
  });
  const stderr = write ? undefined : destination({ dest: 2, sync: true });
  const out = write ?? ((line: string) => stderr?.write(line));
  return { write: (line) => out(pretty(line)) };
}

interface DescribedError {
  type: string;
  code?: unknown;
  message: string;
  stack?: string | undefined;
  errors?: unknown[];
  cause?: unknown;
}

/** A fault of the world is told by its code and causes; only a bug needs its stack. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  const described: DescribedError = {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    message: error.message,
  };
  if (!(error instanceof WeirError)) described.stack = error.stack;
  if (error instanceof AggregateError) described.errors = error.errors.map(describeError);
  if (error.cause !== undefined) described.cause = error.cause instanceof Error ? error.cause.message : error.cause;
  return described;
}
