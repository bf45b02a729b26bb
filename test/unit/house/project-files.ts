import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { PROJECT_DIR } from '../../support/project.ts';

const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', 'weir-data', '.git', '.cache']);

/** Path from the top of the checkout, with slashes → text, of every file that is written by hand. */
export function projectFiles(ending: RegExp): Map<string, string> {
  const files = new Map<string, string>();
  const visit = (dir: string) => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (NOT_OURS.has(entry.name)) continue;
      const path = join(dir, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (ending.test(entry.name)) {
        files.set(relative(PROJECT_DIR, path).split(sep).join('/'), readFileSync(path, 'utf8'));
      }
    }
  };
  visit(PROJECT_DIR);
  return files;
}
