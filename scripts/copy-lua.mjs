// tsc leaves Lua files behind: copy each from src to the same place under dist, beside the module that loads it.
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = join(dirname(fileURLToPath(import.meta.url)), '..', 'packages');
for (const name of readdirSync(packages)) {
  const source = join(packages, name, 'src');
  for (const file of readdirSync(source, { recursive: true })) {
    if (!file.endsWith('.lua')) continue;
    const target = join(packages, name, 'dist', file);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(source, file), target);
  }
}
