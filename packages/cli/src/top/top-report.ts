import type { z } from 'zod';
import { LAG_SCHEMA } from '../lag-report.ts';
import { reportSchema } from '../report-schema.ts';
import { STATUS_SCHEMA } from '../status-report.ts';

/** What one look of `weir top` sees: what `weir status` and `weir lag` tell, both of the same moment. Pure. */
export const TOP_SCHEMA = reportSchema('top', 1, 'What `weir status` and `weir lag` tell, of one look.', {
  status: STATUS_SCHEMA,
  lag: LAG_SCHEMA.describe(
    'rates are those since the look before; lines in pending entries are not counted: `pendingEvents` is null while there are any',
  ),
});

export type TopReport = z.infer<typeof TOP_SCHEMA>;
