import { readSource } from './source.ts';

/** The rules of style that a machine can hold, besides biome's. Pure: a file's path and text in, faults out. */
const MAX_LINES = 400;
/** The formatter breaks code at 120; a comment may stand out a little, a line that nobody can read at once may not. */
const MAX_COLUMNS = 130;

/** Put together from parts, so that this file keeps its own rules. */
const words = (...parts: string[][]) => new RegExp(`\\b(${parts.map((part) => part.join('')).join('|')})\\b`);
const LEFTOVERS = words(['TO', 'DO'], ['FIX', 'ME'], ['X', 'XX'], ['HA', 'CK']);
const REGISTRY_HOSTS =
  /\b(npm(js)?|yarn(pkg)?|pypi|crates|rubygems)\.(org|com|io)\b|\bregistry\.[a-z0-9-]+\.[a-z]{2,}\b/i;
const MACHINE_PATHS = /(^|[\s'"`(=:])\/(work|home|root|Users)\/\w/m;
const VAGUE_NAMES = /(^|[-.])(utils?|helpers?|managers?|misc)([-.]|$)/i;
/** Control characters other than newline, and characters that change how text reads without being seen. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for.
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]/;

export function tidyFaults(path: string, text: string): string[] {
  const faults: string[] = [];
  const lines = text.split('\n');
  const fault = (line: number, what: string) => faults.push(`${path}:${line}: ${what}`);
  const name = path.split('/').at(-1)!;

  if (VAGUE_NAMES.test(name)) faults.push(`${path}: a name that says nothing; name the one idea of the file`);
  if (text === '' || lines.at(-1) !== '' || lines.at(-2) === '') faults.push(`${path}: end with one newline`);
  if (lines.length - 1 > MAX_LINES && !/\b400 lines\b/.test(firstComment(text))) {
    faults.push(
      `${path}: ${lines.length - 1} lines; split it, or let its first paragraph say why it is over 400 lines`,
    );
  }
  const code = /\.(ts|[cm]?js)$/.test(name);
  const source = code ? readSource(path, text) : undefined;
  for (const line of source?.emptyCatchLines ?? []) fault(line, 'an empty catch');
  for (const test of source?.skippedTests ?? []) faults.push(`${path}: ${test}`);

  for (const [i, line] of lines.entries()) {
    const unseen = UNSEEN.exec(line);
    if (unseen) fault(i + 1, `unseen character U+${unseen[0].charCodeAt(0).toString(16).padStart(4, '0')}`);
    if (/[ \t]$/.test(line)) fault(i + 1, 'white space at the end of the line');
    if (LEFTOVERS.test(line)) fault(i + 1, 'a leftover: do it, or file an issue');
    if (REGISTRY_HOSTS.test(line)) fault(i + 1, 'names the host of a package registry');
    if (MACHINE_PATHS.test(line)) fault(i + 1, 'names a path of one machine');
    const breakable = !source?.textLines.has(i + 1);
    if (isCode(name) && breakable && [...line].length > MAX_COLUMNS) fault(i + 1, `longer than ${MAX_COLUMNS} columns`);
  }
  return faults;
}

function isCode(name: string): boolean {
  return /\.(ts|[cm]?js|lua|sh)$/.test(name);
}

function firstComment(text: string): string {
  return /\/\*\*?([\s\S]*?)\*\/|^((?:[ \t]*(?:#|\/\/|--).*\n)+)/m.exec(text)?.[0] ?? '';
}
