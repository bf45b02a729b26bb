import type { Metrics } from '@weir/common/metrics';
import type { Counter, Gauge, Histogram } from 'prom-client';
import type { RefusedEvents } from './store/refused-store.ts';

type CounterName =
  | 'counted'
  | 'duplicates'
  | 'dead'
  | 'folds'
  | 'foldedEntries'
  | 'conflicts'
  | 'claimed'
  | 'lost'
  | 'faults'
  | 'published'
  | 'evicted'
  | 'confirmed'
  | 'settled'
  | 'gaveUp'
  | 'sinkFailures'
  | 'sinkPoints'
  | 'sinkRejected'
  | 'sinkReloadFailures'
  | 'shrunk'
  | 'refused'
  | 'refusedNotKept'
  | 'refusedDropped'
  | 'sealed'
  | 'rollbacks'
  | 'otherLines'
  | 'otherFailures'
  | 'otherRefused';
type GaugeName =
  | 'otherWaiting'
  | 'otherDropped'
  | 'otherBytes'
  | 'heldPoints'
  | 'windowBytes'
  | 'partitions'
  | 'interrupted'
  | 'sinkBacklog'
  | 'sinkFailing'
  | 'sinkAway'
  | 'sinkOldest'
  | 'sinkLastWrite'
  | 'sinkLastError'
  | 'sealWaiting'
  | 'openWindows'
  | 'finals'
  | 'sinksAdded'
  | 'sinksRemoved'
  | 'streamEntries'
  | 'streamBytes'
  | 'deadLetters'
  | 'deadBytes'
  | 'deadDropped'
  | 'refusedLetters'
  | 'redisMemory'
  | 'redisMemoryLimit'
  | 'redisConnections'
  | 'redisConnectionsLimit';

export type AggregatorMetrics = Record<CounterName, Counter<string>> &
  Record<GaugeName, Gauge<string>> & { sinkSeconds: Histogram<string> };

/** Every metric of the aggregator. What must be exact is in the ledger in Redis; these tell how it goes. */
export function aggregatorMetrics(metrics: Metrics): AggregatorMetrics {
  return {
    counted: metrics.counter({ name: 'weir_aggregator_events_counted_total', help: 'Events this process counted.' }),
    duplicates: metrics.counter({
      name: 'weir_aggregator_events_duplicate_total',
      help: 'Lines that were counted before.',
    }),
    dead: metrics.counter({
      name: 'weir_aggregator_lines_dead_total',
      help: 'Lines sent to the dead-letter stream.',
      labelNames: ['reason'],
    }),
    folds: metrics.counter({ name: 'weir_aggregator_folds_total', help: 'Folds that Redis applied.' }),
    foldedEntries: metrics.counter({ name: 'weir_aggregator_entries_folded_total', help: 'Stream entries folded.' }),
    conflicts: metrics.counter({
      name: 'weir_aggregator_fold_conflicts_total',
      help: 'Folds that Redis refused because something was not as believed.',
      labelNames: ['kind'],
    }),
    claimed: metrics.counter({
      name: 'weir_aggregator_entries_claimed_total',
      help: 'Pending entries taken over from other consumers.',
    }),
    lost: metrics.counter({
      name: 'weir_aggregator_entries_lost_total',
      help: 'Pending entries that somebody deleted from the stream. Anything above 0 is an alarm.',
    }),
    faults: metrics.counter({
      name: 'weir_aggregator_redis_faults_total',
      help: 'Faults of Redis that interrupted work.',
      labelNames: ['code'],
    }),
    published: metrics.counter({
      name: 'weir_aggregator_windows_published_total',
      help: 'Totals of a window and partition published for the flushers.',
    }),
    evicted: metrics.counter({
      name: 'weir_aggregator_windows_evicted_total',
      help: 'Windows dropped from memory because of --window-memory.',
    }),
    windowBytes: metrics.gauge({
      name: 'weir_aggregator_window_memory_bytes',
      help: 'Window state held in memory.',
    }),
    partitions: metrics.gauge({ name: 'weir_aggregator_partitions_owned', help: 'Partitions this process reads.' }),
    interrupted: metrics.gauge({
      name: 'weir_aggregator_partitions_interrupted',
      help: 'Partitions of these in which a fault of Redis keeps this process from folding.',
    }),
    confirmed: metrics.counter({
      name: 'weir_aggregator_sink_windows_confirmed_total',
      help: 'Windows a sink confirmed at their latest totals.',
      labelNames: ['sink'],
    }),
    settled: metrics.counter({
      name: 'weir_aggregator_sink_windows_settled_total',
      help: 'Sealed windows a sink confirmed for good.',
      labelNames: ['sink'],
    }),
    gaveUp: metrics.counter({
      name: 'weir_aggregator_sink_windows_given_up_total',
      help: 'Sealed windows lost to a sink that was away longer than --sink-retain.',
      labelNames: ['sink'],
    }),
    sinkFailures: metrics.counter({
      name: 'weir_aggregator_sink_failures_total',
      help: 'Flushes that failed.',
      labelNames: ['sink', 'code'],
    }),
    sinkBacklog: metrics.gauge({
      name: 'weir_aggregator_sink_backlog_windows',
      help: 'Windows this process still has to bring to the sink.',
      labelNames: ['sink'],
    }),
    sinkFailing: metrics.gauge({
      name: 'weir_aggregator_sink_failing_windows',
      help: 'Windows that failed at their last try and wait for their next.',
      labelNames: ['sink'],
    }),
    sinkAway: metrics.gauge({
      name: 'weir_aggregator_sink_away',
      help: '1 while the sink as a whole takes nothing, 0 otherwise.',
      labelNames: ['sink'],
    }),
    sinkOldest: metrics.gauge({
      name: 'weir_aggregator_sink_oldest_unwritten_seconds',
      help: 'How long the window has waited for the sink that has waited longest, since it was due or found changed.',
      labelNames: ['sink'],
    }),
    sinkLastWrite: metrics.gauge({
      name: 'weir_aggregator_sink_last_write_timestamp_seconds',
      help: 'When the sink last confirmed a write of points to this process, Unix time.',
      labelNames: ['sink'],
    }),
    sinkLastError: metrics.gauge({
      name: 'weir_aggregator_sink_last_error_timestamp_seconds',
      help: 'When the sink last failed, Unix time; with the code of that failure only.',
      labelNames: ['sink', 'code'],
    }),
    heldPoints: metrics.gauge({
      name: 'weir_aggregator_sink_held_points',
      help: 'Points of the sink that this process remembers.',
      labelNames: ['sink'],
    }),
    sinkPoints: metrics.counter({
      name: 'weir_aggregator_sink_points_written_total',
      help: 'Points written.',
      labelNames: ['sink'],
    }),
    sinkRejected: metrics.counter({
      name: 'weir_aggregator_sink_points_rejected_total',
      help: 'Points a sink refuses for good.',
      labelNames: ['sink'],
    }),
    sinkReloadFailures: metrics.counter({
      name: 'weir_aggregator_sink_reload_failures_total',
      help: 'Times the files of a sink could not be used at SIGHUP.',
      labelNames: ['sink'],
    }),
    sinkSeconds: metrics.histogram({
      name: 'weir_aggregator_sink_write_seconds',
      help: 'Time of one write to a sink.',
      labelNames: ['sink'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    }),
    shrunk: metrics.counter({
      name: 'weir_aggregator_sink_points_shrunk_total',
      help: 'Points of which a sink holds more than Redis knows. Anything above 0 is an alarm.',
      labelNames: ['sink'],
    }),
    refused: metrics.counter({
      name: 'weir_aggregator_refused_total',
      help: 'Points of totals and other lines that a sink refuses for good and that are kept in the stream, each once.',
      labelNames: ['sink', 'kind'],
    }),
    refusedNotKept: metrics.counter({
      name: 'weir_aggregator_refused_not_kept_total',
      help: 'Such points and lines that Redis did not take.',
      labelNames: ['sink', 'kind'],
    }),
    refusedDropped: metrics.counter({
      name: 'weir_aggregator_refused_dropped_total',
      help: 'Such points and lines dropped because of --max-refused, the oldest first.',
    }),
    sealed: metrics.counter({ name: 'weir_aggregator_windows_sealed_total', help: 'Windows sealed.' }),
    sealWaiting: metrics.gauge({
      name: 'weir_aggregator_windows_waiting_for_relays',
      help: 'Windows that are due to be sealed and wait for a relay.',
    }),
    rollbacks: metrics.counter({
      name: 'weir_aggregator_redis_rollbacks_total',
      help: 'Times Redis was seen to have lost data.',
    }),
    openWindows: metrics.gauge({ name: 'weir_aggregator_windows_open', help: 'Open windows of the deployment.' }),
    finals: metrics.gauge({
      name: 'weir_aggregator_final_records',
      help: 'Sealed windows whose final totals are still kept.',
    }),
    sinksAdded: metrics.gauge({
      name: 'weir_aggregator_deployment_sinks_added',
      help: 'Sinks of the deployment that this process was started without: restart it with them.',
    }),
    sinksRemoved: metrics.gauge({
      name: 'weir_aggregator_deployment_sinks_removed',
      help: 'Sinks this process was started with that are no longer of the deployment: its next start needs it without them.',
    }),
    ...otherLineMetrics(metrics),
    ...boundGauges(metrics),
  };
}

/** Lines that are no user events, on their way through. */
function otherLineMetrics(metrics: Metrics) {
  const ofSink = (name: string, help: string) => ({
    name: `weir_aggregator_other_${name}`,
    help,
    labelNames: ['sink'],
  });
  return {
    otherLines: metrics.counter(ofSink('lines_written_total', 'Other lines that a sink confirmed.')),
    otherRefused: metrics.counter(ofSink('lines_refused_total', 'Other lines a sink refuses for good.')),
    otherFailures: metrics.counter({
      name: 'weir_aggregator_other_failures_total',
      help: 'Rounds of other lines that failed and are tried again.',
      labelNames: ['sink', 'code'],
    }),
    otherWaiting: metrics.gauge(
      ofSink('lines_waiting', 'Other lines the sink still has to get, in the partitions of this process.'),
    ),
    otherDropped: metrics.gauge(
      ofSink('lines_dropped', 'Other lines dropped before the sink had them (--other-bytes of the relays); as above.'),
    ),
    otherBytes: metrics.gauge({
      name: 'weir_aggregator_other_bytes',
      help: 'Bytes of other lines in Redis, in the partitions of this process.',
    }),
  };
}

/** How full is what has a bound in Redis; read every few seconds. Per partition: only of those this process owns. */
function boundGauges(metrics: Metrics) {
  const ofPartition = (name: string, help: string) =>
    metrics.gauge({ name: `weir_aggregator_${name}`, help, labelNames: ['partition'] });
  const ofAll = (name: string, help: string) => metrics.gauge({ name: `weir_aggregator_${name}`, help });
  return {
    streamEntries: ofPartition(
      'stream_entries',
      'Entries in the stream, folded ones that are not trimmed yet included.',
    ),
    streamBytes: ofPartition('stream_memory_bytes', 'Memory of the stream, estimated by Redis.'),
    deadLetters: ofPartition('dead_letters', 'Letters in the dead-letter stream.'),
    deadBytes: ofPartition('dead_letter_bytes', 'Bytes of their lines (--max-dead-letters).'),
    deadDropped: ofPartition('dead_letter_lines_dropped', 'Lines of dead letters dropped so far, from the ledger.'),
    refusedLetters: ofAll('refused_letters', 'Points and lines in the stream of what sinks refuse.'),
    redisMemory: ofAll('redis_memory_bytes', 'Memory that Redis uses.'),
    redisMemoryLimit: ofAll('redis_memory_limit_bytes', 'maxmemory of Redis; 0: none.'),
    redisConnections: ofAll('redis_connections', 'Connections of all clients to Redis.'),
    redisConnectionsLimit: ofAll('redis_connections_limit', 'maxclients of Redis.'),
  };
}

export function refusedEvents({ refused, refusedNotKept, refusedDropped }: AggregatorMetrics): RefusedEvents {
  return {
    kept: (sink, kind, letters) => refused.inc({ sink, kind }, letters),
    notKept: (sink, kind, letters) => refusedNotKept.inc({ sink, kind }, letters),
    dropped: (letters) => refusedDropped.inc(letters),
  };
}
