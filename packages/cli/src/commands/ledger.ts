import { WeirError } from '@weir/common/errors';
import { relayCountsKey } from '@weir/common/keys';
import { parseRelayCounts } from '@weir/common/relay-counts';
import { integer } from '@weir/common/setting-values';
import type { CommandContext } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import {
  imbalance,
  LEDGER_SCHEMA,
  type LedgerReport,
  partitionLedger,
  relayLedgers,
  totalLedger,
  windowLedger,
} from '../ledger-report.ts';
import { ledgerTables } from '../ledger-table.ts';
import { readWindows } from '../ledger-windows.ts';
import { Budget } from '../page-size.ts';
import { readAllBooks } from '../partition-books.ts';
import { show } from '../show.ts';
import { readHash } from './lag.ts';

/** How long `weir ledger` reads what waits, in all partitions, before it prints `?`. */
const BUDGET_MS = 10_000;

export const schema = LEDGER_SCHEMA;

/** Prints the books; a failure when they do not balance. */
export async function run(context: CommandContext): Promise<number> {
  const shown = context.flags.read('windows', integer(0, 1_000));
  return withDeployment(context, ({ redis, prefix, partitions }) =>
    show(context, async () => {
      const budget = new Budget(BUDGET_MS, () => performance.now());
      const books = await readAllBooks(redis, prefix, partitions, budget);
      const { windows, open, final } = await readWindows(redis, prefix, partitions, shown);
      const counts = Object.entries(await readHash(redis, relayCountsKey(prefix)));
      const ledgers = books.map((of, partition) => partitionLedger(partition, of));
      const report: LedgerReport = {
        schema: 'weir.ledger/1',
        prefix,
        redisTimeMs: books.at(-1)!.redisMs,
        partitions: ledgers,
        totals: totalLedger(ledgers),
        windows: windows.map(windowLedger),
        openWindows: open,
        finalRecords: final,
        relays: relayLedgers(counts.flatMap(([field, text]) => parseRelayCounts(field, text) ?? [])),
      };
      const fault = imbalance(report);
      return {
        report,
        text: (view) => ledgerTables(report, view),
        ...(fault === undefined ? {} : { fault: new WeirError('books-unbalanced', fault, false) }),
      };
    }),
  );
}
