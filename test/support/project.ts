import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the checkout, wherever this file runs from: as TypeScript under jest, or compiled, for the demo. */
export const PROJECT_DIR = findProject(dirname(fileURLToPath(import.meta.url)));

function findProject(from: string): string {
  if (existsSync(join(from, 'pnpm-workspace.yaml'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('no pnpm-workspace.yaml above the test kit');
  return findProject(parent);
}
