import { SettingsError } from '@weir/common/errors';
import { quote } from '@weir/common/settings';
import type { SettingsFileItem } from '@weir/common/settings-file';
import { nearest } from './nearest.ts';
import type { KeySetting, ProgramSettings } from './program-settings.ts';

/** A `--config` file as a program would take it, except that all faults are found and not the first of them. Pure. */
export interface Fault {
  /** null: of no single one. */
  key: string | null;
  /** null: the file does not say it. */
  line: number | null;
  /** Secrets masked; null: not shown, for nobody knows what it is, or none. */
  value: string | null;
  expected: string;
  /** All of it in one line, but for the name of the file. */
  message: string;
}

export interface Judged {
  faults: Fault[];
  /** As the program would have them with this file alone, defaults included; a faulty one is not there. */
  settings: Record<string, unknown>;
}

/** `others`: programs that the file may have been meant for. */
export function judgeFile(
  items: readonly SettingsFileItem[],
  { called, keys, rules }: ProgramSettings,
  others: readonly ProgramSettings[],
): Judged {
  const faults: Fault[] = [];
  const settings: Record<string, unknown> = {};
  const lines = new Map(items.map(({ name, line }) => [name, line]));
  const given = new Map(items.map((item) => [item.name, item]));
  for (const { name, line } of items) {
    if (!keys.has(name)) faults.push(unknownKey(name, line, called, keys, others));
  }
  for (const [key, setting] of keys) {
    const item = given.get(key);
    if (!item) {
      if (setting.default !== undefined) settings[setting.property] = setting.read([setting.default]);
      continue;
    }
    const wrong = wrongValues(item, setting);
    faults.push(...wrong);
    if (wrong.length === 0) settings[setting.property] = setting.read(item.texts!);
  }
  const wrongKeys = new Set(faults.map(({ key }) => key));
  const keyOf = new Map([...keys].map(([key, { property }]) => [property, key]));
  for (const { about, check } of rules) {
    const involved = about.map((property) => keyOf.get(property)!);
    if (involved.some((key) => wrongKeys.has(key))) continue;
    const message = refusal(() => check(settings));
    if (message === undefined) continue;
    // The one that stands in the file is the one to change.
    const key = involved.find((name) => lines.has(name)) ?? involved[0]!;
    faults.push(faultOf(message, key, lines.get(key) ?? null));
  }
  return { faults: faults.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)), settings };
}

/** From the line that a SettingsError has, which is `name: got value, expected what`. */
export function faultOf(message: string, key: string | null, line: number | null): Fault {
  const [, value = null, expected = message] = /: got (.*?), expected (.*)$/s.exec(message) ?? [];
  return { key, line, value: value?.replace(/^"(.*)"$/s, '$1') ?? null, expected, message };
}

/** What the check has against it, in one line; undefined when it has nothing. */
export function refusal(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.message;
  }
}

function unknownKey(
  name: string,
  line: number,
  called: string,
  keys: ReadonlyMap<string, KeySetting>,
  others: readonly ProgramSettings[],
): Fault {
  const theirs = others.find((other) => other.keys.has(name));
  const near = nearest(name, keys.keys());
  let expected = `the name of a flag of ${called}`;
  if (theirs) expected += `; it is one of ${theirs.called}`;
  else if (near !== undefined) expected += `; perhaps ${near}`;
  return { key: name, line, value: null, expected, message: `${quote(name)}: unknown key, expected ${expected}` };
}

function wrongValues({ name: key, line, texts }: SettingsFileItem, setting: KeySetting): Fault[] {
  const { expected, many, read, show, judge } = setting;
  const fault = (value: string | null): Fault => {
    const got = value === null ? 'no plain value' : quote(value);
    return { key, line, value, expected, message: `${key}: got ${got}, expected ${expected}` };
  };
  const judged = (text: string): Fault[] => {
    const message = refusal(() => judge?.(text));
    return message === undefined ? [] : [faultOf(message, key, line)];
  };
  if (texts === undefined) return [fault(null)];
  if (many) return texts.flatMap((text) => (read([text]) === undefined ? [fault(show(text))] : judged(text)));
  return read(texts) === undefined ? [fault(texts.map(show).join(','))] : [];
}
