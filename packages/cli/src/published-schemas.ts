import { z } from 'zod';
import { COMMANDS } from './command-list.ts';

/**
 * The JSON Schemas of what commands print, by file name, as docs/cli-schemas has them. They allow fields that a later
 * version adds.
 */
export async function publishedSchemas(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const spec of COMMANDS) {
    const { schema } = await spec.load();
    if (!schema) continue;
    const published = { title: `weir ${spec.name}`, ...z.toJSONSchema(schema, { io: 'input' }) };
    files.set(`${spec.name.replaceAll(' ', '-')}.json`, `${JSON.stringify(published, null, 2)}\n`);
  }
  return files;
}
