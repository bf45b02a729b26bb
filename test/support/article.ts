import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_DIR } from './project.ts';

/** The five example lines and the six points they must become, as the README and the demo show them. */
export function articleLines(): string[] {
  return readLines('article.lp');
}

/** Sorted, in the form of `Influxd.points`. */
export function articlePoints(): string[] {
  return readLines('article.expected.lp').sort();
}

function readLines(name: string): string[] {
  const text = readFileSync(join(PROJECT_DIR, 'test', 'support', name), 'utf8');
  return text.split('\n').filter((line) => line !== '');
}
