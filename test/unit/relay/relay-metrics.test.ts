import { RelayMetrics } from '@weir/relay/relay-metrics';

async function samples(metrics: RelayMetrics): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

test('what was counted is there at the next scrape, once', async () => {
  const metrics = new RelayMetrics();
  metrics.counts.countLines('http', { accepted: 5, others: 0, byReason: new Map([['syntax', 2]]) });
  metrics.counts.countLines('udp', { accepted: 1, others: 3, byReason: new Map() });
  metrics.counts.countAnswer(204);
  metrics.counts.countAppendFailure('redis-oom');
  metrics.counts.gapBatches += 3;
  metrics.counts.access.lines.set('shop', 12);
  const journal = { journalBytes: 10, journalUnconfirmedBytes: 4, journalOldestAgeSec: 9 };
  metrics.levels = () => ({ ...journal, inflightBytes: 7, udpQueueBytes: 9, tokens: 2 });
  const expected = [
    ['weir_relay_lines_received_total{door="http"}', 7],
    ['weir_relay_lines_accepted_total{door="http"}', 5],
    ['weir_relay_lines_rejected_total{door="http",reason="syntax"}', 2],
    ['weir_relay_lines_received_total{door="udp"}', 4],
    ['weir_relay_other_lines_accepted_total{door="udp"}', 3],
    ['weir_relay_writes_total{status="204"}', 1],
    ['weir_relay_append_failures_total{code="redis-oom"}', 1],
    ['weir_relay_journal_gap_batches_total', 3],
    ['weir_relay_journal_bytes', 10],
    ['weir_relay_journal_unconfirmed_bytes', 4],
    ['weir_relay_journal_oldest_age_seconds', 9],
    ['weir_relay_inflight_bytes', 7],
    ['weir_relay_udp_queue_bytes', 9],
    ['weir_relay_tokens', 2],
    ['weir_relay_token_lines_total{token="shop"}', 12],
    ['weir_relay_unauthorized_total{reason="missing"}', 0],
  ] as const;
  for (let scrape = 0; scrape < 2; scrape++) {
    const seen = await samples(metrics);
    expect(expected.map(([name]) => [name, seen.get(name)])).toEqual(expected);
  }
});

test('every counter is there from the start, so that a rate can be taken of its first increment', async () => {
  const seen = await samples(new RelayMetrics());
  for (const name of ['batches_appended', 'journal_gap_batches', 'udp_kernel_drops', 'lines_abandoned']) {
    expect(seen.get(`weir_relay_${name}_total`)).toBe(0);
  }
  expect(seen.get('weir_relay_lines_accepted_total{door="udp"}')).toBe(0);
});
