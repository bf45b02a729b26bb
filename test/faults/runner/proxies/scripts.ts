import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { PROJECT_DIR } from '../../../support/project.ts';

/** The Lua scripts of the product, by the hash they are called with: how a proxy knows what a request is about. */
export interface KnownScript {
  /** `fold`, `store-final`: the file without its ending. */
  name: string;
  source: string;
  sha1: string;
}

export function sha1Of(source: string): string {
  return createHash('sha1').update(source).digest('hex');
}

/** As built: these are the files that the daemons read. */
export function readScripts(): KnownScript[] {
  const scripts: KnownScript[] = [];
  for (const home of ['common', 'relay', 'aggregator', 'cli']) {
    const dir = join(PROJECT_DIR, 'packages', home, 'dist');
    for (const file of readdirSync(dir, { recursive: true }) as string[]) {
      if (!file.endsWith('.lua')) continue;
      const source = readFileSync(join(dir, file), 'utf8');
      scripts.push({ name: basename(file, '.lua'), source, sha1: sha1Of(source) });
    }
  }
  return scripts;
}

/**
 * A script with one rule taken out. The line must be there, word for word: a rule that moved would otherwise stay in
 * force unnoticed, and with it a checker that was never tried.
 */
export function withoutRule(script: KnownScript, line: string, instead: string): KnownScript {
  const parts = script.source.split(`\n${line}\n`);
  if (parts.length !== 2) throw new Error(`${script.name}.lua has no single line "${line}" to replace`);
  const source = parts.join(`\n${instead}\n`);
  return { name: script.name, source, sha1: sha1Of(source) };
}
