import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLParseError } from 'yaml';
import { SettingsError } from './errors.ts';

/**
 * The `--config` file: one YAML map from a flag's name to its value or list of values. Values are taken as they are
 * written, before YAML makes numbers of them, so that `16` and `"16"`, `off` and `"off"` are the same setting.
 */
export function readSettingsFile(
  path: string,
  readFile: (path: string) => string,
  expectedByKey: ReadonlyMap<string, string>,
): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, readonly string[]>();
  const { items, fault } = parseSettingsFile(readText(path, readFile));
  if (fault) {
    const where = fault.yaml?.linePos ? `, ${fault.yaml.code} in line ${fault.yaml.linePos[0].line}` : '';
    throw new SettingsError(`--config: got ${JSON.stringify(path)}${where}, ${EXPECTED_FORM}`, { cause: fault.yaml });
  }
  for (const { name, texts } of items) {
    const expected = expectedByKey.get(name);
    if (expected === undefined) {
      throw new SettingsError(`${JSON.stringify(name)} in ${path}: unknown key, expected the name of a flag`);
    }
    if (texts === undefined) throw new SettingsError(`${name} in ${path}: got no plain value, expected ${expected}`);
    values.set(name, texts);
  }
  return values;
}

export const EXPECTED_FORM = 'expected YAML of the form "flag: value"';

export interface SettingsFileItem {
  /** '' for what is no plain text. */
  name: string;
  line: number;
  /** Undefined where one of them is no plain value. */
  texts: readonly string[] | undefined;
}

export interface SettingsFileText {
  items: readonly SettingsFileItem[];
  /** Why there are none. `yaml`: the parser's, unless it is YAML of another form. */
  fault?: { yaml: YAMLParseError | undefined };
}

/** Pure. */
export function parseSettingsFile(source: string): SettingsFileText {
  const lineCounter = new LineCounter();
  const { errors, contents } = parseDocument(source, { logLevel: 'silent', lineCounter });
  const yaml = errors[0];
  if (yaml || (contents !== null && !isMap(contents))) return { items: [], fault: { yaml } };
  const items = (contents?.items ?? []).map(({ key, value }) => {
    const texts = isSeq(value) ? value.items.map(textOf) : [textOf(value)];
    return {
      name: textOf(key) ?? '',
      line: lineCounter.linePos((key as Node | null)?.range?.[0] ?? 0).line,
      texts: texts.every((text) => text !== undefined) ? texts : undefined,
    };
  });
  return { items };
}

/** Throws a SettingsError. */
export function readText(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new SettingsError(`--config: got ${JSON.stringify(path)} (${code}), expected a readable YAML file`, {
      cause: error,
    });
  }
}

/** Undefined for nothing, maps, lists and references. */
function textOf(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null) return undefined;
  return node.source ?? String(node.value);
}
