import { z } from 'zod';

/**
 * The shape of what a command prints with `-o json`. Declared once, in words and types, beside the pure code that makes the
 * report; docs/cli-schemas and the report's TypeScript type are made from it. Its first field names command and version:
 * under the same number fields may be added, never renamed, removed or given another meaning.
 */
export type ReportSchema = z.ZodObject;

/** `name`: as in `weir.lag`. */
export function reportSchema<const N extends string, S extends z.ZodRawShape>(
  name: N,
  version: number,
  description: string,
  shape: S,
) {
  const schema = z.literal(`weir.${name}/${version}`).describe('command and version of this shape');
  return z.object({ schema, ...shape }).describe(description);
}

/** A count; null: not known. */
export const count = z.number().nonnegative();
export const orUnknown = <T extends z.ZodType>(type: T) => type.nullable();
export const unixMs = z.number().describe('Unix milliseconds');
