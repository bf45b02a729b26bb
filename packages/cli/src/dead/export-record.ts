import { isUtf8 } from '@weir/common/utf8';
import { z } from 'zod';
import { count, reportSchema, unixMs } from '../report-schema.ts';
import type { Letter } from './letter.ts';
import type { LetterLine } from './letter-lines.ts';

/** A line of a letter as `weir dead export --format ndjson` prints it. Pure. */
export const DEAD_EXPORT_SCHEMA = reportSchema('dead-export', 1, 'One line of a letter.', {
  letter: z.string().describe('its name'),
  partition: count.nullable(),
  reason: z.string(),
  deadMs: unixMs,
  relay: z.string().nullable(),
  receivedMs: unixMs.nullable(),
  sink: z.string().nullable(),
  product: z.string().nullable(),
  eventType: z.string().nullable(),
  windowSec: z.number().nullable().describe('start of the window that it falls in, Unix seconds'),
  line: z.string().nullable().describe('as it came; null: it is no UTF-8'),
  base64: z.string().nullable().describe('then its bytes'),
});

export function exportLine(letter: Letter, line: LetterLine): z.infer<typeof DEAD_EXPORT_SCHEMA> {
  const { name, partition, reason, deadMs, relay, receivedMs, sink } = letter;
  const { bytes, product = null, eventType = null, windowSec = null } = line;
  const readable = isUtf8(bytes, 0, bytes.length);
  return {
    schema: 'weir.dead-export/1',
    letter: name,
    ...{ partition, reason, deadMs, relay, receivedMs, sink, product, eventType, windowSec },
    line: readable ? bytes.toString() : null,
    base64: readable ? null : bytes.toString('base64'),
  };
}
