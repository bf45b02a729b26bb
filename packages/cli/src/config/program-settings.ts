import { MAX_PARTITIONS } from '@weir/common/defaults';
import { duration, integer, keyPrefix, oneOf, onOff, redisUrl, type ValueType } from '@weir/common/setting-values';
import { type Setting, type SettingRule, type SettingsSpec, yamlKey } from '@weir/common/settings';
import { parseSinkUrl, parseSinkUrls, type SinkSpec } from '@weir/common/sink-url';
import { type FlagSpec, FORMATS, flagName } from '../command-spec.ts';
import { relayUrl } from '../sending/relay-url.ts';
import { sinkText } from '../sinks/sink-text.ts';

/** What may stand in the `--config` file of a program, and what it must be. Pure. */
export const PROGRAMS = ['relay', 'aggregator', 'cli'] as const;
export type ProgramName = (typeof PROGRAMS)[number];

export interface ProgramSettings {
  program: ProgramName;
  /** As it is called: `weir-relay`. */
  called: string;
  /** By the key in the file. */
  keys: ReadonlyMap<string, KeySetting>;
  /** Between settings, by their properties. */
  rules: readonly SettingRule<Record<string, unknown>>[];
}

export interface KeySetting extends Pick<Setting<unknown>, 'many' | 'read' | 'show' | 'expected' | 'default'> {
  /** What it is called in the program's code. */
  property: string;
  /** Of one text, where reading its value tells too little. Throws a SettingsError. */
  judge?: (text: string) => void;
}

/** A sink URL is read whole: its parameters are settings, too. */
export function withSinks(of: ProgramSettings): ProgramSettings {
  const sink = of.keys.get('sink')!;
  const keys = new Map(of.keys).set('sink', { ...sink, judge: (text) => void parseSinkUrl(text, { setting: 'sink' }) });
  const rules = [
    { about: [sink.property], check: (settings) => void sinksOf(settings) },
  ] satisfies ProgramSettings['rules'];
  return { ...of, keys, rules: [...of.rules, ...rules] };
}

/** Throws a SettingsError where two have one name. */
export function sinksOf({ sinks }: Record<string, unknown>): readonly SinkSpec[] {
  return parseSinkUrls(sinks as readonly string[], { setting: 'sink' });
}

export function daemonSettings<S>(
  program: ProgramName,
  spec: SettingsSpec,
  rules: readonly SettingRule<S>[],
): ProgramSettings {
  const keys = new Map<string, KeySetting>();
  for (const [property, declared] of Object.entries(spec)) {
    const key = yamlKey(declared);
    if (key !== undefined) keys.set(key, { ...declared, property });
  }
  return { program, called: `weir-${program}`, keys, rules: rules as ProgramSettings['rules'] };
}

/** Those of the operators' command: `specs` are its flags that may stand in the file. */
export function cliSettings(specs: readonly FlagSpec[]): ProgramSettings {
  const keys = new Map<string, KeySetting>();
  for (const spec of specs) {
    const property = flagName(spec);
    const type = CLI_TYPES.get(property);
    if (!type) throw new TypeError(`--${property} may stand in a file, and its type is not known here`);
    const read = (texts: readonly string[]) => {
      const values = texts.map((text) => type.schema.safeParse(text).data);
      if (values.includes(undefined)) return undefined;
      return spec.many ? values : values.length === 1 ? values[0] : undefined;
    };
    keys.set(property, { property, many: spec.many === true, read, show: type.show, expected: type.expected });
  }
  return { program: 'cli', called: 'weir', keys, rules: [] };
}

const MANY = integer(0, 1_000_000_000);

/** As the commands read them. */
export const CLI_TYPES: ReadonlyMap<string, ValueType<unknown>> = new Map<string, ValueType<unknown>>([
  ['redis', redisUrl],
  ['prefix', keyPrefix],
  ['partitions', integer(1, MAX_PARTITIONS)],
  ['output', oneOf(...FORMATS)],
  ['utc', onOff],
  ['relay', relayUrl],
  ['sink', sinkText],
  ['late-after', duration({ minMs: 1_000 })],
  ['lag-warning', duration()],
  ['lag-critical', duration()],
  ['pending-warning', MANY],
  ['pending-critical', MANY],
  ['unflushed-warning', MANY],
  ['unflushed-critical', MANY],
  ['others-warning', duration()],
  ['others-critical', duration()],
  ['memory-warning', MANY],
  ['memory-critical', MANY],
]);
