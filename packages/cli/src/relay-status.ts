import { z } from 'zod';
import type { DaemonsLook } from './daemons-look.ts';
import { ALIVE_MS } from './heartbeats.ts';
import { count, orUnknown } from './report-schema.ts';

/** How the relays are: what they report for the seal, what they say of themselves, what they counted. Pure. */
export const relayStatusSchema = z.object({
  id: z.string(),
  alive: z.boolean().describe('it was heard of in the last five seconds'),
  heardAgoMs: count,
  drainedAgoMs: count.describe('all lines it received before that are in Redis'),
  owedForMs: count
    .nullable()
    .describe('for how long it holds lines that Redis does not have; null: none, or not known'),
  journalBytes: orUnknown(count),
  journalMaxBytes: orUnknown(count),
  journalAgeMs: count.nullable().describe('age of the oldest line in its journal; null: empty, or not known'),
  unconfirmedBytes: orUnknown(count),
  journalFailing: orUnknown(z.boolean()).describe('its disk refuses to be written'),
  receivedPerSec: orUnknown(count).describe('lines, over the last ten seconds'),
  rejectedPerSec: orUnknown(count),
  rejected: orUnknown(count).describe('lines, since its start'),
  datagramsLost: orUnknown(count).describe('datagrams dropped by the kernel or for want of room, since its start'),
  datagramsLostLately: orUnknown(count).describe('in the last ten seconds'),
  lastLossAgoMs: count.nullable(),
  journalGapBatches: orUnknown(count).describe(
    'batches that Redis lost and its journal no longer held, since its start',
  ),
  clockAheadMs: orUnknown(z.number()).describe("of its machine against Redis's"),
});

export type RelayStatus = z.infer<typeof relayStatusSchema>;

/** By id. A relay that signed off is not here: nobody needs to wait for it. */
export function relayStatuses({ redisMs, relayReports, relayCounts, relayStates }: DaemonsLook): RelayStatus[] {
  return [...relayReports]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, incarnation, lastMs, drainedMs }) => {
      const said = relayStates.get(id);
      // Of an earlier start: it tells nothing of this one.
      const state = said?.incarnation === incarnation ? said : undefined;
      const counts = relayCounts.find((report) => report.id === id && report.incarnation === incarnation)?.counts;
      const agoMs = (ms: number) => Math.max(0, redisMs - ms);
      const perSec = (lines: number) => (state && state.recent.ms > 0 ? (lines * 1_000) / state.recent.ms : null);
      return {
        id,
        alive: redisMs - lastMs <= ALIVE_MS,
        heardAgoMs: agoMs(lastMs),
        drainedAgoMs: agoMs(drainedMs),
        owedForMs: state?.owedSinceMs == null ? null : agoMs(state.owedSinceMs),
        journalBytes: state?.journal.bytes ?? null,
        journalMaxBytes: state?.journal.maxBytes ?? null,
        journalAgeMs: state?.journal.oldestMs == null ? null : agoMs(state.journal.oldestMs),
        unconfirmedBytes: state?.journal.unconfirmedBytes ?? null,
        journalFailing: state?.journal.failing ?? null,
        receivedPerSec: state ? perSec(state.recent.received) : null,
        rejectedPerSec: state ? perSec(state.recent.rejected) : null,
        rejected: counts ? Object.values(counts.rejected).reduce((sum, lines) => sum + lines, 0) : null,
        datagramsLost: counts ? counts.datagramsDropped + counts.kernelDrops : null,
        datagramsLostLately: state ? state.recent.datagramsDropped + state.recent.kernelDrops : null,
        lastLossAgoMs: state?.lastDropMs == null ? null : agoMs(state.lastDropMs),
        journalGapBatches: counts?.journalGapBatches ?? null,
        clockAheadMs: state?.clockAheadMs ?? null,
      };
    });
}
