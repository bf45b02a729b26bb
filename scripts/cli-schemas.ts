import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publishedSchemas } from '@weir/cli/published-schemas';

/** Writes docs/cli-schemas anew: `npm run schemas`, in the top directory. A house test holds them to the code. */
const dir = join('docs', 'cli-schemas');
rmSync(dir, { recursive: true, force: true });
mkdirSync(dir);
for (const [name, text] of await publishedSchemas()) writeFileSync(join(dir, name), text);
