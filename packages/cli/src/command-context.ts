import { SettingsError, WeirError } from '@weir/common/errors';
import type { ValueType } from '@weir/common/setting-values';

/** What a command gets: its flags as given, the environment, and where to write. */
export interface CommandContext {
  flags: Readonly<Record<string, string | boolean | undefined>>;
  env: Readonly<Record<string, string | undefined>>;
  out: (text: string) => void;
}

/** A flag that cannot be used: exit 2. (The same value from the environment is bad configuration: exit 78.) */
export class UsageError extends WeirError {
  override readonly name = 'UsageError';

  constructor(message: string) {
    super('usage', message, false);
  }
}

/** A flag as its value, then the environment variable, then the default. Throws UsageError or SettingsError. */
export function readFlag<T>(
  { flags, env }: CommandContext,
  flag: { key: string; flag: string; env?: string; type: ValueType<T>; default?: T },
): T | undefined {
  const given = flags[flag.key];
  const fromEnv = flag.env === undefined ? undefined : env[flag.env];
  const text = typeof given === 'string' ? given : fromEnv;
  if (typeof given !== 'string' && !text) return flag.default;
  const value = flag.type.schema.safeParse(text).data;
  if (value !== undefined) return value;
  const reason = `got ${JSON.stringify(flag.type.show(text ?? ''))}, expected ${flag.type.expected}`;
  throw typeof given === 'string'
    ? new UsageError(`${flag.flag}: ${reason}`)
    : new SettingsError(`${flag.env}: ${reason}`);
}
