import { hostname } from 'node:os';
import { DEFAULT_PARTITIONS, MAX_PARTITIONS } from './defaults.ts';
import type { Deployment } from './deployment.ts';
import { SettingsError } from './errors.ts';
import { HTTP_RULES, HTTP_SETTINGS } from './http-settings.ts';
import { CUMULATIVE_USER_EVENT, UNIQUE_USER_EVENT } from './line-encode.ts';
import { formatPointTags, measurementName, type PointShape, pointTags } from './point-shape.ts';
import {
  addressOrOff,
  byteSize,
  duration,
  integer,
  keyPrefix,
  maskUrl,
  name,
  oneOf,
  redisUrl,
  secret,
  valueType,
} from './setting-values.ts';
import { defineSettings, listSetting, type SettingRule, type SettingsOf, setting } from './settings.ts';

/** What a sink URL means is judged by sink-url.ts, for all sinks together; here it is only kept from showing its secrets. */
const sinkText = valueType('a sink URL', (text) => (text === '' ? undefined : text), maskUrl);

/** The settings of weir-aggregator. Those of the deployment are agreed through Redis; the others are this process's own. */
export const AGGREGATOR_SETTINGS = defineSettings({
  redis: setting({
    flag: 'redis <url>',
    env: 'WEIR_REDIS',
    description: 'Redis with the streams and the window state',
    parse: redisUrl,
    default: 'redis://127.0.0.1:6379',
  }),
  prefix: setting({
    flag: 'prefix <text>',
    env: 'WEIR_PREFIX',
    description: 'what all Redis keys begin with',
    parse: keyPrefix,
    default: 'weir',
  }),
  http: setting({
    flag: 'http <addr|off>',
    env: 'WEIR_AGGREGATOR_HTTP',
    description: 'health and metrics',
    parse: addressOrOff,
    default: '127.0.0.1:9610',
  }),
  id: setting({
    flag: 'id <name>',
    env: 'WEIR_AGGREGATOR_ID',
    description: `consumer name, one per process; default: ${hostname()}-<http port>`,
    parse: name,
  }),
  sinks: listSetting({
    flag: 'sink <url>',
    env: 'WEIR_SINKS',
    description: 'http(s)://host:8086?db=…, http(s)://host:8086?org=…&bucket=…, file:<path> or stdout:',
    parse: sinkText,
    default: 'stdout:',
  }),
  sinkToken: setting({
    env: 'WEIR_SINK_TOKEN',
    description: 'token of the 2.x sinks that have none in their URL',
    parse: secret('a token'),
  }),
  windowMs: setting({
    flag: 'window <duration>',
    env: 'WEIR_WINDOW',
    description: 'length of a window, whole seconds',
    parse: duration({ minMs: 1_000, maxMs: 86_400_000 }),
    default: '60s',
  }),
  graceMs: setting({
    flag: 'grace <duration>',
    env: 'WEIR_GRACE',
    description: 'from the end of a window to its first write',
    parse: duration({ maxMs: 3_600_000 }),
    default: '5s',
  }),
  latenessMs: setting({
    flag: 'lateness <duration>',
    env: 'WEIR_LATENESS',
    description: 'from the end of a window to its seal',
    parse: duration({ minMs: 1_000 }),
    default: '15m',
  }),
  identity: setting({
    flag: 'identity <content|arrival>',
    env: 'WEIR_IDENTITY',
    description: 'what makes two lines the same event',
    parse: oneOf('content', 'arrival'),
    default: 'content',
  }),
  partitions: setting({
    flag: 'partitions <n>',
    env: 'WEIR_PARTITIONS',
    description: 'partitions of the deployment',
    parse: integer(1, MAX_PARTITIONS),
    default: String(DEFAULT_PARTITIONS),
  }),
  uniqueMeasurement: setting({
    flag: 'unique-measurement <name>',
    env: 'WEIR_UNIQUE_MEASUREMENT',
    description: 'what the number of different users is called in the databases',
    parse: measurementName,
    default: UNIQUE_USER_EVENT,
  }),
  cumulativeMeasurement: setting({
    flag: 'cumulative-measurement <name>',
    env: 'WEIR_CUMULATIVE_MEASUREMENT',
    description: 'what the number of events is called in the databases',
    parse: measurementName,
    default: CUMULATIVE_USER_EVENT,
  }),
  pointTags: setting({
    flag: 'point-tags <key=value,…>',
    env: 'WEIR_POINT_TAGS',
    description: 'tags of every point besides event type and product',
    parse: pointTags,
    default: '',
  }),
  pointTime: setting({
    flag: 'point-time <start|end>',
    env: 'WEIR_POINT_TIME',
    description: 'which end of the window is the time of its points',
    parse: oneOf('start', 'end'),
    default: 'start',
  }),
  claimIdleMs: setting({
    flag: 'claim-idle <duration>',
    env: 'WEIR_CLAIM_IDLE',
    description: 'entries of a live consumer are taken over once idle for this long',
    parse: duration({ minMs: 1_000 }),
    default: '30s',
  }),
  holdMs: setting({
    flag: 'hold <duration>',
    env: 'WEIR_HOLD',
    description: 'how long sealing waits for a relay that was cut off',
    parse: duration(),
    default: '6h',
  }),
  sinkRetainMs: setting({
    flag: 'sink-retain <duration>',
    env: 'WEIR_SINK_RETAIN',
    description: 'how long a sealed window waits for a sink that is away',
    parse: duration({ minMs: 1_000 }),
    default: '7d',
  }),
  finalKeepMs: setting({
    flag: 'final-keep <duration>',
    env: 'WEIR_FINAL_KEEP',
    description: 'final totals are kept, and read back once more, for this long',
    parse: duration({ minMs: 1_000 }),
    default: '24h',
  }),
  maxOldWindows: setting({
    flag: 'max-old-windows <n>',
    env: 'WEIR_MAX_OLD_WINDOWS',
    description: 'open windows older than lateness, per partition; beyond: dead letter too-many-windows',
    parse: integer(1, 1_000_000),
    default: '4096',
  }),
  maxLogBytes: setting({
    flag: 'max-window-log <bytes>',
    env: 'WEIR_MAX_WINDOW_LOG',
    description: 'state of one window and partition; beyond: dead letter window-full',
    parse: byteSize({ minBytes: 1024 }),
    default: '1GiB',
  }),
  maxDeadBytes: setting({
    flag: 'max-dead-letters <bytes>',
    env: 'WEIR_MAX_DEAD_LETTERS',
    description: 'dead letters kept per partition; beyond: the oldest are dropped and counted',
    parse: byteSize({ minBytes: 1024 }),
    default: '64MiB',
  }),
  maxRefusedBytes: setting({
    flag: 'max-refused <bytes>',
    env: 'WEIR_MAX_REFUSED',
    description: 'kept of what sinks refuse for good; beyond: the oldest are dropped and counted',
    parse: byteSize({ minBytes: 1024 }),
    default: '16MiB',
  }),
  windowMemoryBytes: setting({
    flag: 'window-memory <bytes>',
    env: 'WEIR_WINDOW_MEMORY',
    description: 'window state kept in memory; beyond: the least recently used is read again when needed',
    parse: byteSize({ minBytes: 1024 * 1024 }),
    default: '2GiB',
  }),
  foldLines: setting({
    flag: 'fold-lines <n>',
    env: 'WEIR_FOLD_LINES',
    description: 'lines in one fold; larger is cheaper and blocks Redis longer',
    parse: integer(1, 1_000_000),
    default: '16384',
  }),
  gatherMs: setting({
    flag: 'gather <duration>',
    env: 'WEIR_GATHER',
    description: 'from one read of a partition to the next, while little comes; longer is cheaper and later',
    parse: duration({ maxMs: 10_000 }),
    default: '20ms',
  }),
  sinkConcurrency: setting({
    flag: 'sink-concurrency <n>',
    env: 'WEIR_SINK_CONCURRENCY',
    description: 'windows written to one sink at once',
    parse: integer(1, 64),
    default: '4',
  }),
  heldPoints: setting({
    flag: 'held-points <n>',
    env: 'WEIR_HELD_POINTS',
    description: 'points remembered per sink; beyond: the sink is read back before the next write',
    parse: integer(1_000, 1_000_000_000),
    default: '2000000',
  }),
  ...HTTP_SETTINGS,
});

export type AggregatorSettings = SettingsOf<typeof AGGREGATOR_SETTINGS>;

/** Those that are agreed through Redis. */
export function deploymentOf(settings: AggregatorSettings, sinks: readonly { name: string }[]): Deployment {
  const { partitions, windowMs, graceMs, latenessMs, identity, uniqueMeasurement, cumulativeMeasurement } = settings;
  return {
    ...{ partitions, windowMs, graceMs, latenessMs, identity, uniqueMeasurement, cumulativeMeasurement },
    sinks: sinks.map(({ name }) => name),
    pointTags: formatPointTags(settings.pointTags),
    pointTime: settings.pointTime,
  };
}

/** Throws a SettingsError where the two numbers would be one series. */
export function shapeOf(settings: AggregatorSettings): PointShape {
  const { uniqueMeasurement, cumulativeMeasurement, pointTags: tags, pointTime: time } = settings;
  if (uniqueMeasurement === cumulativeMeasurement) {
    const name = JSON.stringify(cumulativeMeasurement);
    throw new SettingsError(`--cumulative-measurement: got ${name}, expected another than --unique-measurement`);
  }
  return {
    names: { [UNIQUE_USER_EVENT]: uniqueMeasurement, [CUMULATIVE_USER_EVENT]: cumulativeMeasurement },
    tags,
    time,
  };
}

/** Throws a SettingsError: windows begin at whole seconds. */
export function checkWindow({ windowMs }: Pick<AggregatorSettings, 'windowMs'>): void {
  if (windowMs % 1000 !== 0) throw new SettingsError(`--window: got ${windowMs}ms, expected whole seconds`);
}

/** What must hold between settings that are each right; what their sinks' URLs mean is judged by sink-url.ts. */
export const AGGREGATOR_RULES: readonly SettingRule<AggregatorSettings>[] = [
  { about: ['windowMs'], check: checkWindow },
  { about: ['cumulativeMeasurement', 'uniqueMeasurement'], check: shapeOf },
  ...HTTP_RULES,
];
