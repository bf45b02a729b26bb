import { SettingsError } from '@weir/common/errors';
import { onOff, type ValueType } from '@weir/common/setting-values';
import { UsageError } from './command-context.ts';
import { type FlagSpec, flagName, isSwitch } from './command-spec.ts';

/**
 * The flags of one command, read by the rules of the daemons' settings: a flag wins over the environment, that over the
 * `--config` file, that over the default. A value that cannot be used is wrong usage where it was typed and bad
 * configuration where it came from elsewhere; either way the error names where, the value and what was expected. Pure.
 */
export interface FlagSources {
  /** By the flag's name, in the order given. */
  given: ReadonlyMap<string, readonly string[]>;
  env: Readonly<Record<string, string | undefined>>;
  file: ReadonlyMap<string, readonly string[]>;
  /** Its path; '' without one. */
  fileName: string;
}

export type Origin = 'flag' | 'environment' | 'file' | 'default';

export interface FoundFlag {
  origin: Origin;
  /** As an error names it: `--idle`, `WEIR_REDIS`, `redis in weir.yaml`. */
  name: string;
  texts: readonly string[];
}

export class Flags {
  readonly #specs: ReadonlyMap<string, FlagSpec>;
  readonly #sources: FlagSources;

  constructor(specs: readonly FlagSpec[], sources: FlagSources) {
    this.#specs = new Map(specs.map((spec) => [flagName(spec), spec]));
    this.#sources = sources;
  }

  /** Whether the command has the flag. */
  has(name: string): boolean {
    return this.#specs.has(name);
  }

  /** For a flag that has a default. */
  read<T>(name: string, type: ValueType<T>): T {
    const value = this.readOptional(name, type);
    if (value === undefined) throw new TypeError(`--${name} has no default`);
    return value;
  }

  /** Undefined where it was not set. */
  readOptional<T>(name: string, type: ValueType<T>): T | undefined {
    const found = this.find(name);
    return found && typedValue(found, found.texts.at(-1) ?? '', type);
  }

  readMany<T>(name: string, type: ValueType<T>): T[] {
    const found = this.find(name);
    return found ? found.texts.map((text) => typedValue(found, text, type)) : [];
  }

  /** For a switch. */
  on(name: string): boolean {
    const found = this.find(name);
    if (!found) return false;
    return found.origin === 'flag' ? true : typedValue(found, found.texts.at(-1) ?? '', onOff);
  }

  /** Where the flag's value comes from; undefined where it was not set and has no default. */
  find(name: string): FoundFlag | undefined {
    const spec = this.#specs.get(name);
    if (!spec) throw new TypeError(`--${name} is not among the command's flags`);
    const { given, env, file, fileName } = this.#sources;
    const typed = given.get(name);
    if (typed) {
      const texts = isSwitch(spec) ? typed : typed.map((text) => (text === '' && spec.bare ? spec.bare : text));
      return { origin: 'flag', name: `--${name}`, texts };
    }
    const fromEnv = spec.env === undefined ? undefined : env[spec.env];
    if (fromEnv) return { origin: 'environment', name: spec.env!, texts: split(spec, fromEnv) };
    const fromFile = spec.inFile ? file.get(name) : undefined;
    if (fromFile) return { origin: 'file', name: `${name} in ${fileName}`, texts: fromFile };
    if (spec.default === undefined) return undefined;
    return { origin: 'default', name: `the default of --${name}`, texts: split(spec, spec.default) };
  }
}

function split({ many }: FlagSpec, text: string): string[] {
  return many ? text.split(',').map((item) => item.trim()) : [text];
}

function typedValue<T>({ origin, name }: FoundFlag, text: string, type: ValueType<T>): T {
  const value = type.schema.safeParse(text).data;
  if (value !== undefined) return value;
  const message = `${name}: got ${JSON.stringify(type.show(text))}, expected ${type.expected}`;
  throw origin === 'flag' ? new UsageError(message) : new SettingsError(message);
}
