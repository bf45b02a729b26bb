import { hostname } from 'node:os';
import { MAX_BATCH_BYTES } from './batch.ts';
import { DAEMON_SETTINGS } from './daemon-settings.ts';
import { DEFAULT_PARTITIONS, MAX_PARTITIONS } from './defaults.ts';
import { SettingsError } from './errors.ts';
import { MAX_LINE_BYTES } from './event.ts';
import { HTTP_RULES, HTTP_SETTINGS } from './http-settings.ts';
import { addressOrOff, byteSize, duration, integer, keyPrefix, name, oneOf, redisUrl, text } from './setting-values.ts';
import { defineSettings, type SettingRule, type SettingsOf, setting } from './settings.ts';

/** The settings of weir-relay. The number of partitions is agreed through Redis; the others are this process's own. */
export const RELAY_SETTINGS = defineSettings({
  redis: setting({
    flag: 'redis <url>',
    env: 'WEIR_REDIS',
    description: 'Redis with the streams',
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
    env: 'WEIR_RELAY_HTTP',
    description: 'writes, health and metrics',
    parse: addressOrOff,
    default: '127.0.0.1:9600',
  }),
  udp: setting({
    flag: 'udp <addr|off>',
    env: 'WEIR_RELAY_UDP',
    description: 'lines, best effort',
    parse: addressOrOff,
    default: '127.0.0.1:9601',
  }),
  id: setting({
    flag: 'id <name>',
    env: 'WEIR_RELAY_ID',
    description: 'one per live relay',
    parse: name,
    default: hostname(),
  }),
  data: setting({
    flag: 'data <dir>',
    env: 'WEIR_RELAY_DATA',
    description: 'where the journal lives; one per live relay',
    parse: text('the path of a directory'),
    default: 'weir-data/relay',
  }),
  partitions: setting({
    flag: 'partitions <n>',
    env: 'WEIR_PARTITIONS',
    description: 'partitions of the deployment',
    parse: integer(1, MAX_PARTITIONS),
    default: String(DEFAULT_PARTITIONS),
  }),
  lingerMs: setting({
    flag: 'linger <duration>',
    env: 'WEIR_RELAY_LINGER',
    description: 'how long an open batch waits for more lines',
    parse: duration({ maxMs: 10_000 }),
    default: '1ms',
  }),
  batchBytes: setting({
    flag: 'batch-bytes <bytes>',
    env: 'WEIR_RELAY_BATCH_BYTES',
    description: 'a batch is closed before it grows beyond this',
    parse: byteSize({ minBytes: 2 * MAX_LINE_BYTES, maxBytes: MAX_BATCH_BYTES }),
    default: '512KiB',
  }),
  otherLines: setting({
    flag: 'other-lines <on|off>',
    env: 'WEIR_RELAY_OTHER_LINES',
    description: 'lines that are no user events pass through to every sink; off: they are rejected',
    parse: oneOf('on', 'off'),
    default: 'on',
  }),
  otherBytes: setting({
    flag: 'other-bytes <bytes>',
    env: 'WEIR_RELAY_OTHER_BYTES',
    description: 'other lines kept in Redis for sinks that are away; beyond: the oldest are dropped and counted',
    parse: byteSize({ minBytes: MAX_BATCH_BYTES }),
    default: '256MiB',
  }),
  journal: setting({
    flag: 'journal <disk|off>',
    env: 'WEIR_RELAY_JOURNAL',
    description: 'off: batches are kept in memory only, and lost with the process',
    parse: oneOf('disk', 'off'),
    default: 'disk',
  }),
  journalBytes: setting({
    flag: 'journal-bytes <bytes>',
    env: 'WEIR_RELAY_JOURNAL_BYTES',
    description: 'the journal on disk; full of unconfirmed batches: 503, datagrams dropped',
    parse: byteSize({ minBytes: 8 * MAX_BATCH_BYTES }),
    default: '1GiB',
  }),
  journalAgeMs: setting({
    flag: 'journal-age <duration>',
    env: 'WEIR_RELAY_JOURNAL_AGE',
    description: 'confirmed batches are kept for so long, to be sent again if Redis loses them',
    parse: duration({ minMs: 1_000 }),
    default: '1h',
  }),
  journalSyncMs: setting({
    flag: 'journal-sync <duration>',
    env: 'WEIR_RELAY_JOURNAL_SYNC',
    description: 'the journal is synced so often, and at once when a request waits for it',
    parse: duration({ minMs: 10, maxMs: 60_000 }),
    default: '1s',
  }),
  journalMemoryBytes: setting({
    flag: 'journal-memory <bytes>',
    env: 'WEIR_RELAY_JOURNAL_MEMORY',
    description: 'batches in memory until Redis has them; more are read back from disk when due',
    parse: byteSize({ minBytes: MAX_BATCH_BYTES }),
    default: '64MiB',
  }),
  tokens: setting({
    flag: 'tokens <file>',
    env: 'WEIR_RELAY_TOKENS',
    description: 'YAML file of those who may write over HTTP, with hashes of their tokens; read again at SIGHUP',
    parse: text('the path of a file'),
  }),
  bodyLimitBytes: setting({
    flag: 'body-limit <bytes>',
    env: 'WEIR_RELAY_BODY_LIMIT',
    description: 'one HTTP body, as it comes and decoded; beyond: 413',
    parse: byteSize({ minBytes: 1024, maxBytes: 2 ** 30 }),
    default: '32MiB',
  }),
  inflightBytes: setting({
    flag: 'inflight-bytes <bytes>',
    env: 'WEIR_RELAY_INFLIGHT_BYTES',
    description: 'all HTTP bodies in hand; beyond: 503',
    parse: byteSize({ minBytes: 1024 }),
    default: '256MiB',
  }),
  appendTimeoutMs: setting({
    flag: 'append-timeout <duration>',
    env: 'WEIR_RELAY_APPEND_TIMEOUT',
    description: 'how long a request waits for Redis or the journal; beyond: 503',
    parse: duration({ minMs: 10, maxMs: 600_000 }),
    default: '5s',
  }),
  udpReceiveBufferBytes: setting({
    flag: 'udp-receive-buffer <bytes>',
    env: 'WEIR_RELAY_UDP_RECEIVE_BUFFER',
    description: 'what the kernel holds of datagrams not read yet; beyond: dropped and counted',
    parse: byteSize({ minBytes: 4096, maxBytes: 2 ** 30 }),
    default: '8MiB',
  }),
  udpLingerMs: setting({
    flag: 'udp-linger <duration>',
    env: 'WEIR_RELAY_UDP_LINGER',
    description: 'as --linger, for a batch of datagrams only, for which nobody waits',
    parse: duration({ maxMs: 10_000 }),
    default: '20ms',
  }),
  udpQueueBytes: setting({
    flag: 'udp-queue <bytes>',
    env: 'WEIR_RELAY_UDP_QUEUE',
    description: 'datagrams read and not looked at yet; beyond: left to the kernel and its buffer',
    parse: byteSize({ minBytes: 4096, maxBytes: 2 ** 30 }),
    default: '4MiB',
  }),
  udpReader: setting({
    flag: 'udp-reader <auto|thread|node>',
    env: 'WEIR_RELAY_UDP_READER',
    description: 'who reads datagrams: a thread by recvmmsg, or the event loop; auto: the thread where it can',
    parse: oneOf('auto', 'thread', 'node'),
    default: 'auto',
  }),
  ...HTTP_SETTINGS,
  ...DAEMON_SETTINGS,
});

export type RelaySettings = SettingsOf<typeof RELAY_SETTINGS>;

/** Settings that are each right and do not fit together: what must hold before anything of the relay is built. */
const OWN_RULES: readonly SettingRule<RelaySettings>[] = [
  {
    about: ['http', 'udp'],
    check: ({ http, udp }) => {
      if (http !== 'off' || udp !== 'off') return;
      throw new SettingsError('--http: got off, expected an address, as --udp is off');
    },
  },
  {
    about: ['journalBytes', 'journalMemoryBytes', 'journal', 'bodyLimitBytes'],
    check: ({ journal, journalBytes, journalMemoryBytes, bodyLimitBytes }) => {
      if (journal === 'disk') holdsOneBody('--journal-bytes', journalBytes, bodyLimitBytes);
      else holdsOneBody('--journal-memory', journalMemoryBytes, bodyLimitBytes);
    },
  },
  {
    about: ['inflightBytes', 'bodyLimitBytes'],
    check: ({ inflightBytes, bodyLimitBytes }) => holdsOneBody('--inflight-bytes', inflightBytes, bodyLimitBytes),
  },
];

function holdsOneBody(flag: string, bytes: number, bodyLimitBytes: number): void {
  if (bytes >= bodyLimitBytes) return;
  throw new SettingsError(`${flag}: got ${bytes} bytes, expected at least --body-limit (${bodyLimitBytes} bytes)`);
}

/** Throws a SettingsError. */
export function checkRelaySettings(settings: RelaySettings): void {
  for (const { check } of OWN_RULES) check(settings);
}

/** All of them, also those that are held while the relay is built. */
export const RELAY_RULES: readonly SettingRule<RelaySettings>[] = [...OWN_RULES, ...HTTP_RULES];
