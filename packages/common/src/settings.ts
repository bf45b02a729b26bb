import { Command, CommanderError, Option } from 'commander';
import { SettingsError } from './errors.ts';
import { text, type ValueType } from './setting-values.ts';
import { readSettingsFile } from './settings-file.ts';

/**
 * The settings of a program, declared once: flag, environment variable, key of the `--config` YAML file (the flag's
 * name), description, type of value, default. A flag wins over the environment, that over the file, that over the
 * default. Whatever is unknown or unusable ends the start with a SettingsError of one line, which names the setting by
 * the name it was given under, the value and what was expected. Pure: argv, env and the reader of files are arguments.
 */
export interface Setting<T> {
  /** As commander writes it, without dashes: `redis <url>`. Its name is also the YAML key. Absent: environment only. */
  readonly flag?: string;
  /** An empty variable counts as unset. */
  readonly env?: string;
  readonly description: string;
  readonly default?: string;
  readonly many: boolean;
  readonly read: (texts: readonly string[]) => T | undefined;
  readonly show: (text: string) => string;
  readonly expected: string;
}

interface Declaration<T> {
  flag?: string;
  env?: string;
  description: string;
  parse: ValueType<T>;
  /** Text, read by the same rules as any other source. Without a default the setting may stay undefined. */
  default?: string;
}

export function setting<T>(declaration: Declaration<T> & { default: string }): Setting<T>;
export function setting<T>(declaration: Declaration<T>): Setting<T | undefined>;
export function setting<T>({ parse, ...rest }: Declaration<T>): Setting<T> {
  const read = (texts: readonly string[]): T | undefined =>
    texts.length === 1 ? parse.schema.safeParse(texts[0]).data : undefined;
  return { ...rest, many: false, read, show: parse.show, expected: parse.expected };
}

/** A list: the flag may be repeated, the environment variable takes commas, YAML takes a list. */
export function listSetting<T>({ parse, ...rest }: Declaration<T>): Setting<readonly T[]> {
  const read = (texts: readonly string[]): readonly T[] | undefined => {
    const items: T[] = [];
    for (const item of texts) {
      const result = parse.schema.safeParse(item);
      if (!result.success) return undefined;
      items.push(result.data);
    }
    return Object.freeze(items);
  };
  return { ...rest, many: true, read, show: parse.show, expected: parse.expected };
}

// biome-ignore lint/suspicious/noExplicitAny: the spec's own types are inferred from it, setting by setting.
export type SettingsSpec = Readonly<Record<string, Setting<any>>>;
export type SettingsOf<S extends SettingsSpec> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

export function defineSettings<const S extends SettingsSpec>(spec: S): S {
  return Object.freeze(spec);
}

/** What must hold between settings that are each right. */
export interface SettingRule<S> {
  /** Which it is about; the fault is that of the first. */
  readonly about: readonly (keyof S & string)[];
  /** Throws a SettingsError. */
  readonly check: (settings: S) => void;
}

export interface ProgramIdentity {
  name: string;
  version: string;
  description: string;
}

export interface SettingsSources {
  /** Without the interpreter and the script: `process.argv.slice(2)`. */
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  /** Throws when the file cannot be read. */
  readFile: (path: string) => string;
}

export type LoadedSettings<S extends SettingsSpec> =
  /** `shown`: every setting by its flag or variable, as text with secrets masked. */
  | { kind: 'run'; settings: SettingsOf<S>; shown: Readonly<Record<string, string>> }
  /** `--help` or `--version`: print it to stdout and exit 0. */
  | { kind: 'print'; text: string };

const CONFIG = setting({
  flag: 'config <file>',
  env: 'WEIR_CONFIG',
  description: 'YAML file with settings, keys named like the flags',
  parse: text('the path of a YAML file'),
});

/** Throws a SettingsError. */
export function loadSettings<const S extends SettingsSpec>(
  program: ProgramIdentity,
  spec: S,
  { argv, env, readFile }: SettingsSources,
): LoadedSettings<S> {
  const all: Record<string, Setting<unknown>> = { ...spec, config: CONFIG };
  const flags = readFlags(program, all, argv);
  if (flags.kind === 'print') return flags;

  const config = resolve('config', CONFIG, flags.values, env, new Map(), '');
  const file =
    config.value === undefined ? new Map<string, readonly string[]>() : readFromFile(spec, config.value, readFile);
  const settings: Record<string, unknown> = {};
  const shown: Record<string, string> = {};
  for (const [key, declared] of Object.entries(spec)) {
    const { value, text } = resolve(key, declared, flags.values, env, file, config.value ?? '');
    settings[key] = value;
    shown[yamlKey(declared) ?? declared.env ?? key] = text;
  }
  return { kind: 'run', settings: Object.freeze(settings) as SettingsOf<S>, shown };
}

/** Its key in the file; undefined where only the environment has it. */
export function yamlKey({ flag }: Setting<unknown>): string | undefined {
  return flag?.split(' ')[0];
}

/** The texts of one setting, from the source that wins, read as its value. */
function resolve<T>(
  key: string,
  declared: Setting<T>,
  flags: ReadonlyMap<string, string[]>,
  env: SettingsSources['env'],
  file: ReadonlyMap<string, readonly string[]>,
  fileName: string,
): { value: T | undefined; text: string } {
  const name = yamlKey(declared);
  const fromEnv = declared.env === undefined ? undefined : env[declared.env];
  let origin = `the default of ${name === undefined ? key : `--${name}`}`;
  let texts: readonly string[] | undefined = name === undefined ? undefined : flags.get(name);
  if (texts) {
    origin = `--${name}`;
  } else if (fromEnv) {
    origin = declared.env!;
    texts = splitList(declared, fromEnv);
  } else if (name !== undefined && file.has(name)) {
    origin = `${name} in ${fileName}`;
    texts = file.get(name)!;
  } else if (declared.default !== undefined) {
    texts = splitList(declared, declared.default);
  }
  if (!texts && !declared.many) return { value: undefined, text: '' };
  const shown = (texts ?? []).map(declared.show).join(',');
  const value = declared.read(texts ?? []);
  if (value === undefined) throw new SettingsError(`${origin}: got ${quote(shown)}, expected ${declared.expected}`);
  return { value, text: shown };
}

function readFromFile(
  spec: SettingsSpec,
  path: string,
  readFile: (path: string) => string,
): ReadonlyMap<string, readonly string[]> {
  const expectedByKey = new Map<string, string>();
  for (const declared of Object.values(spec)) {
    const key = yamlKey(declared);
    if (key !== undefined) expectedByKey.set(key, declared.expected);
  }
  return readSettingsFile(path, readFile, expectedByKey);
}

function splitList(declared: Setting<unknown>, text: string): string[] {
  return declared.many ? text.split(',').map((item) => item.trim()) : [text];
}

/** One line, whatever is in it. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
}

type Flags = { kind: 'flags'; values: ReadonlyMap<string, string[]> } | { kind: 'print'; text: string };

function readFlags(
  program: ProgramIdentity,
  spec: Readonly<Record<string, Setting<unknown>>>,
  argv: readonly string[],
): Flags {
  const values = new Map<string, string[]>();
  let environmentOnly = '';
  const command = new Command(program.name).description(program.description).usage('[settings]');
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  for (const declared of Object.values(spec)) {
    if (declared.flag === undefined) {
      environmentOnly += `  ${declared.env}  ${declared.description}\n`;
      continue;
    }
    const name = yamlKey(declared)!;
    const option = new Option(`--${declared.flag}`, declared.description + (declared.many ? ' (may be repeated)' : ''));
    if (declared.env !== undefined) option.env(declared.env);
    if (declared.default !== undefined) option.default(declared.default);
    command.addOption(option);
    // Commander keeps only the last of a repeated flag; its events carry each.
    command.on(`option:${name}`, (value: string | undefined) => {
      values.set(name, [...(declared.many ? (values.get(name) ?? []) : []), value ?? 'true']);
    });
  }
  command.option('-V, --version', 'print the version');
  const { operands, unknown } = parseFlags(command, argv);
  if (unknown.some((flag) => flag === '--help' || flag === '-h')) {
    const more = environmentOnly === '' ? '' : `\nEnvironment only:\n${environmentOnly}`;
    return { kind: 'print', text: `${command.helpInformation()}${more}` };
  }
  if (command.getOptionValue('version') === true) return { kind: 'print', text: `${program.version}\n` };
  const stray = unknown[0] ?? operands[0];
  if (stray !== undefined) {
    const flag = stray.startsWith('--') ? stray.split('=')[0]! : maskStray(stray);
    throw new SettingsError(`${quote(flag)}: unknown flag, expected one that ${program.name} --help lists`);
  }
  return { kind: 'flags', values };
}

/** An argument nobody asked for may be a URL whose flag was forgotten. */
function maskStray(stray: string): string {
  return stray.includes('@') ? stray.replace(/^.*@/s, '***@') : stray;
}

function parseFlags(command: Command, argv: readonly string[]): { operands: string[]; unknown: string[] } {
  try {
    return command.parseOptions([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // The only fault of parseOptions itself: a flag that takes a value stands last and has none.
    throw new SettingsError(`${argv.at(-1)}: got no value, expected one (--flag <value>)`, { cause: error });
  }
}
