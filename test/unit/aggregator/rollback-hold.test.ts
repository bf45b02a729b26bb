import { holdsFlushes } from '@weir/aggregator/rollback-hold';
import type { RelayReport } from '@weir/aggregator/seal-plan';

const ROLLBACK = 1_000_000;

function relay(fields: Partial<RelayReport>): RelayReport {
  return { id: 'r', incarnation: '0011223344556677', startedMs: 0, lastMs: ROLLBACK, drainedMs: 0, ...fields };
}

describe('flushes', () => {
  test('never wait while Redis lost nothing', () => {
    expect(holdsFlushes(undefined, [relay({ drainedMs: 0 })], ROLLBACK)).toBe(false);
  });

  test('wait a moment after Redis lost data, whatever relays said before', () => {
    expect(holdsFlushes(ROLLBACK, [], ROLLBACK)).toBe(true);
    expect(holdsFlushes(ROLLBACK, [relay({ drainedMs: ROLLBACK + 1 })], ROLLBACK + 2_999)).toBe(true);
    expect(holdsFlushes(ROLLBACK, [], ROLLBACK + 3_000)).toBe(false);
  });

  test('wait until every relay that is alive has sent again what was lost', () => {
    const now = ROLLBACK + 10_000;
    const done = relay({ lastMs: now, drainedMs: ROLLBACK });
    const busy = relay({ lastMs: now, drainedMs: ROLLBACK - 1 });
    expect(holdsFlushes(ROLLBACK, [done, busy], now)).toBe(true);
    expect(holdsFlushes(ROLLBACK, [done, done], now)).toBe(false);
  });

  test('do not wait for a relay that is gone', () => {
    const now = ROLLBACK + 10_000;
    expect(holdsFlushes(ROLLBACK, [relay({ lastMs: now - 4_999 })], now)).toBe(true);
    expect(holdsFlushes(ROLLBACK, [relay({ lastMs: now - 5_000 })], now)).toBe(false);
  });

  test('wait for nobody longer than a minute', () => {
    const busy = (nowMs: number) => [relay({ lastMs: nowMs })];
    expect(holdsFlushes(ROLLBACK, busy(ROLLBACK + 59_999), ROLLBACK + 59_999)).toBe(true);
    expect(holdsFlushes(ROLLBACK, busy(ROLLBACK + 60_000), ROLLBACK + 60_000)).toBe(false);
  });
});
