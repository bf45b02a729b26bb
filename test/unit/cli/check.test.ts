import { checkReport, EXIT_CODES, type Thresholds, unreachable } from '@weir/cli/check-report';
import { nagiosLine, prometheusText } from '@weir/cli/check-text';
import type { StatusFacts } from '@weir/cli/status-report';
import { judge } from '@weir/cli/verdict';
import { FACTS, PARTITION, SINK } from '../../support/status-facts.ts';

const none = { warning: null, critical: null };
const THRESHOLDS: Thresholds = {
  lag: { warning: 30, critical: 120 },
  pending: none,
  unflushed: { warning: 10, critical: 60 },
  others: { warning: 300, critical: 3600 },
  memory: { warning: 80, critical: 95 },
};

function check(facts: Partial<StatusFacts> = {}, thresholds: Partial<Thresholds> = {}) {
  const status = judge({ ...FACTS, ...facts }, { lateAfterMs: 10_000, time: String });
  return checkReport(status, { ...THRESHOLDS, ...thresholds });
}
const lagging = (lagSeconds: number | null) => ({
  partitions: [PARTITION, { ...PARTITION, lagSeconds, lagEvents: 1 }],
});

test.each<[string, Partial<StatusFacts>, number]>([
  ['nothing is wrong', {}, 0],
  ['lag is below its limit, whatever late is', lagging(29), 0],
  ['lag is above the first', lagging(31), 1],
  ['lag is above the second', lagging(121), 2],
  ['a sink is away', { sinks: [{ ...SINK, state: 'away', unflushedWindows: 3 }] }, 1],
  ['very much waits for a sink', { sinks: [{ ...SINK, state: 'away', unflushedWindows: 61 }] }, 2],
  ['other lines wait for a sink', { sinks: [{ ...SINK, otherLines: 9, otherOldestAgoMs: 301_000 }] }, 1],
  ['they wait very long', { sinks: [{ ...SINK, otherLines: 9, otherOldestAgoMs: 3_601_000 }] }, 2],
  ['nobody is alive', { aggregators: [] }, 2],
  ['something that matters is not known', lagging(null), 3],
  ['that, and worse', { ...lagging(null), aggregators: [] }, 2],
])('%s: %#', (_, facts, code) => {
  expect(EXIT_CODES[check(facts).state]).toBe(code);
});

test('a limit that is not set is never passed', () => {
  const pending = { partitions: [{ ...PARTITION, pendingEntries: 1_000_000 }] };
  expect(check(pending).state).toBe('ok');
  expect(check(pending, { pending: { warning: 10, critical: null } }).state).toBe('warning');
});

test('reads as a line with its measures', () => {
  expect(nagiosLine(check())).toBe(
    'WEIR OK - numbers are complete and on time | lag=0s;30;120;0 pending=0;;;0 unflushed_az1=0;10;60;0 others_az1=0s;300;3600;0 redis_memory=1%;80;95;0 aggregators=2;;;0\n',
  );
  const bad = check({
    ...lagging(121),
    sinks: [{ ...SINK, name: "a|b='c", state: 'away', errorText: 'x|y\nz', errorCode: 'e' }],
  });
  const line = nagiosLine(bad);
  expect(line).toMatch(
    /^WEIR CRITICAL - a\/b='c takes nothing .*x\/y\?z.*\[sink-away\]; lag 121s \(above 120s\) \| lag=121s;30;120;0 /,
  );
  expect(line).toContain(" 'unflushed_a_b__c'=0;10;60;0 ");
  expect(line.split('\n')).toHaveLength(2);
  expect(nagiosLine(check(lagging(null)))).toMatch(/^WEIR UNKNOWN - lag is not known \| lag=U;30;120;0 /);
});

test('reads as samples, without what is not known', () => {
  const text = prometheusText(check({ ...lagging(null), sinks: [{ ...SINK, name: 'a"b\\' }] }));
  expect(text).toContain('weir_check_state{prefix="weir"} 3\n');
  expect(text).toContain('weir_check_unflushed_windows{prefix="weir",sink="a\\"b\\\\"} 0\n');
  expect(text).not.toContain('weir_check_lag_seconds');
});

test('a Redis that does not answer is critical', () => {
  const report = unreachable('weir', 'Redis at h:1: connect ECONNREFUSED');
  expect(nagiosLine(report)).toBe('WEIR CRITICAL - Redis at h:1: connect ECONNREFUSED\n');
  expect(EXIT_CODES[report.state]).toBe(2);
});
