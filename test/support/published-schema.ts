import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_DIR } from './project.ts';

type JsonSchema = Parameters<typeof z.fromJSONSchema>[0];

/** Expects the one line of JSON that `weir <command> --json` printed to be as docs/cli-schemas says, with no field besides. */
export function expectPublished(command: string, text: string): void {
  const path = join(PROJECT_DIR, 'docs', 'cli-schemas', `${command.replaceAll(' ', '-')}.json`);
  const schema = z.fromJSONSchema(closed(JSON.parse(readFileSync(path, 'utf8'))) as JsonSchema);
  const { error } = schema.safeParse(JSON.parse(text));
  expect(error?.issues ?? []).toEqual([]);
}

/** Schemas allow fields of later versions; what this version prints must all be in them. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const fields = Object.entries(schema).map(([name, value]) => [name, closed(value)]);
  return { ...Object.fromEntries(fields), ...('properties' in schema ? { additionalProperties: false } : {}) };
}
