import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
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
  for (const { key, value } of readItems(path, readFile)) {
    const name = textOf(key) ?? '';
    const expected = expectedByKey.get(name);
    if (expected === undefined) {
      throw new SettingsError(`${JSON.stringify(name)} in ${path}: unknown key, expected the name of a flag`);
    }
    const texts = isSeq(value) ? value.items.map(textOf) : [textOf(value)];
    if (!texts.every((text) => text !== undefined)) {
      throw new SettingsError(`${name} in ${path}: got no plain value, expected ${expected}`);
    }
    values.set(name, texts);
  }
  return values;
}

function readItems(path: string, readFile: (path: string) => string): readonly { key: unknown; value: unknown }[] {
  let source: string;
  try {
    source = readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new SettingsError(`--config: got ${JSON.stringify(path)} (${code}), expected a readable YAML file`, {
      cause: error,
    });
  }
  const { errors, contents } = parseDocument(source, { logLevel: 'silent' });
  const fault = errors[0];
  if (!fault && contents === null) return [];
  if (!fault && isMap(contents)) return contents.items;
  const where = fault?.linePos ? `, ${fault.code} in line ${fault.linePos[0].line}` : '';
  throw new SettingsError(`--config: got ${JSON.stringify(path)}${where}, expected YAML of the form "flag: value"`, {
    cause: fault,
  });
}

/** Undefined for nothing, maps, lists and references. */
function textOf(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null) return undefined;
  return node.source ?? String(node.value);
}
