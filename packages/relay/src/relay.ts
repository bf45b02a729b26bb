import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { RedisTime, systemClock } from '@weir/common/clock';
import { readDeployment } from '@weir/common/deployment';
import { type Check, HttpServer } from '@weir/common/http';
import { runChecks } from '@weir/common/http-health';
import { httpLimits } from '@weir/common/http-settings';
import { relayStatesKey } from '@weir/common/keys';
import type { Logger } from '@weir/common/logger';
import type { BuildContext, Daemon } from '@weir/common/program';
import { openRedis, passingFault } from '@weir/common/redis';
import { checkRelaySettings, type RelaySettings } from '@weir/common/relay-settings';
import { type Service, ServiceGroup } from '@weir/common/service';
import { type Address, formatAddress, isLoopback } from '@weir/common/setting-values';
import { STAMP_DIGITS, Stamps } from '@weir/common/stamps';
import { StateReport } from '@weir/common/state-report';
import { tlsPairReader } from '@weir/common/tls-files';
import { Access } from './access/access.ts';
import { readTokenFile, type TokenEntry } from './access/token-file.ts';
import { Admission } from './admission.ts';
import { eventsApi } from './api/events-api.ts';
import { influxV1 } from './api/influx-v1.ts';
import { influxV2 } from './api/influx-v2.ts';
import { influxVersion } from './api/influx-version.ts';
import { AppendWaits } from './append-waits.ts';
import { Bodies } from './body.ts';
import { CountsReport } from './counts-report.ts';
import { DataDir } from './data-dir.ts';
import { DiskJournal, type Recovered } from './disk-journal.ts';
import { FrontDoor } from './front-door.ts';
import { Intake } from './intake.ts';
import { type Journal, MemoryJournal } from './journal.ts';
import { DirectoryFiles } from './journal-files.ts';
import { JournalReach } from './journal-reach.ts';
import { Publisher } from './publisher.ts';
import { RelayMetrics } from './relay-metrics.ts';
import { RelayReport } from './relay-report.ts';
import { RelayStates } from './relay-state.ts';
import { RedisReports } from './reports.ts';
import { ReservedNames } from './reserved-names.ts';
import { reservedNamesWatch } from './reserved-names-watch.ts';
import { UdpServer } from './udp/udp-server.ts';
import { WriteDoor } from './write-door.ts';

/**
 * The relay put together from its parts. They stop in this order: the doors, so that nothing new comes in and the
 * requests in hand get their answers; the publisher, once the lanes are empty; the report, which then signs off; the
 * connections. Each gets its share of `--drain`.
 */
const REQUEST_WAIT_SHARE = 0.35;
const HTTP_STOP_SHARE = 0.45;
const LANES_DRAIN_SHARE = 0.2;
/** Of one command; the report needs two or three to sign off. */
const REPORT_COMMAND_SHARE = 0.1;
const MIN_REPORT_COMMAND_MS = 200;
/** Farther from Redis's clock than this, something is wrong with one of the two. */
const MAX_CLOCK_APART_MS = 60_000;

export async function buildRelay(settings: RelaySettings, context: BuildContext): Promise<Daemon> {
  const { logger, fail, stopping } = context;
  checkRelaySettings(settings);
  const { prefix, partitions, id, drainMs } = settings;
  const log = logger.child({ id });
  const clock = systemClock;
  const incarnation = randomBytes(8).toString('hex');
  const time = new RedisTime(clock, Date.now());
  const metrics = new RelayMetrics();
  metrics.collectProcessMetrics();
  const { counts } = metrics;
  const onError = (error: unknown) => log.debug({ err: error }, 'redis connection');
  const redis = openRedis({
    url: settings.redis,
    name: `weir-relay/${id}`,
    commandTimeoutMs: Math.max(MIN_REPORT_COMMAND_MS, drainMs * REPORT_COMMAND_SHARE),
    onError,
  });
  const appendRedis = openRedis({ url: settings.redis, name: `weir-relay/${id}/append`, onError });

  const reach = new JournalReach({
    clock,
    neededMs: async () => {
      try {
        const { latenessMs, windowMs } = (await readDeployment(redis, prefix)) ?? {};
        return latenessMs === undefined || windowMs === undefined ? undefined : latenessMs + windowMs;
      } catch (error) {
        if (!passingFault(error)) throw error;
        return undefined;
      }
    },
    counts,
    logger: log,
  });
  const disk = settings.journal === 'disk' ? new DataDir(settings.data) : undefined;
  const agreedBefore = disk?.agreed({ prefix, partitions }) !== undefined;
  const diskJournal =
    disk &&
    new DiskJournal({
      files: new DirectoryFiles(disk.journalDir),
      clock,
      head: { relayId: id, incarnation },
      maxBytes: settings.journalBytes,
      ageMs: settings.journalAgeMs,
      memoryBytes: settings.journalMemoryBytes,
      syncEveryMs: settings.journalSyncMs,
      counts: counts.journal,
      events: {
        synced: () => publisher.synced(),
        droppedEarly: (ageMs) => void reach.droppedEarly(ageMs).catch(fail),
      },
      logger: log,
    });
  const recovered: Recovered[] = diskJournal?.recover() ?? [];
  const journal: Journal = diskJournal ?? new MemoryJournal({ maxBytes: settings.journalMemoryBytes });
  const publisher: Publisher = new Publisher({
    redis: appendRedis,
    prefix,
    partitions,
    appender: { relayId: id, incarnation },
    journal,
    recovered,
    clock,
    random: Math.random,
    batchBytes: settings.batchBytes,
    lingerMs: settings.lingerMs,
    unattendedLingerMs: Math.max(settings.lingerMs, settings.udpLingerMs),
    drainMs: drainMs * LANES_DRAIN_SHARE,
    otherBytes: settings.otherBytes,
    counts,
    onLostByRedis: () => admission.agreeAgain(),
    logger: log,
    fail,
  });
  const report = new RelayReport({
    reports: new RedisReports({ redis: appendRedis, signOffRedis: redis, prefix }),
    id,
    incarnation,
    clock,
    time,
    drainedMs: () => publisher.drainedMs,
    unsureSinceMs: () => publisher.unsureSinceMs,
    // What is only in memory is lost with it: nobody needs to wait for that.
    drained: () => !journal.durable || publisher.eventsDrained,
    fail,
    logger: log,
    stopping,
  });
  const admission: Admission = new Admission({
    redis,
    appendRedis,
    prefix,
    partitions,
    report,
    publisher,
    agreedBefore,
    onAgreed: () => disk?.recordAgreed({ prefix, partitions }),
    clock,
    logger: log,
    fail,
    stopping,
  });
  const countsReport = new CountsReport({
    redis,
    prefix,
    id,
    incarnation,
    clock,
    totals: () => counts.totals,
    admitted: () => admission.open,
    fail,
    logger: log,
  });
  const reserved = new ReservedNames();
  const intake = new Intake({
    lanes: publisher.lanes,
    otherLanes: settings.otherLines === 'on' ? publisher.otherLanes : undefined,
    journal,
    reserved,
    stamps: new Stamps(Number.parseInt(incarnation.slice(0, 8), 16) % STAMP_DIGITS),
    nowMs: () => time.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
  });
  const bodies = new Bodies({ bodyLimitBytes: settings.bodyLimitBytes, inflightBytes: settings.inflightBytes });
  const access = new Access({
    readTokens: tokenReader(settings.tokens),
    counts: counts.access,
    monotonicMs: () => clock.monotonicMs(),
    logger: log,
  });
  if (settings.tokens !== undefined) warnOfOpenUdp(settings.udp, log);
  const writes = new WriteDoor({
    access,
    intake,
    counts,
    refusal: () => {
      if (!admission.open) return 'not ready: Redis was not reached yet';
      return publisher.away && !journal.durable ? 'Redis does not take batches at the moment' : undefined;
    },
    bodies,
    waits: new AppendWaits({
      clock,
      appendTimeoutMs: settings.appendTimeoutMs,
      stopping,
      stopWaitMs: drainMs * REQUEST_WAIT_SHARE,
    }),
  });
  const version = influxVersion(context.version);
  const checks = readyChecks(publisher, admission, time, diskJournal);
  const check = () => runChecks(checks);
  const frontDoor = new FrontDoor({
    routes: [
      ...influxV1({ writes, bodies, version }),
      ...influxV2({ writes, check, startedMs: Date.now(), clock, version }),
      ...eventsApi(writes),
    ],
    gate: access.gate,
    headers: { 'X-Influxdb-Version': version, 'X-Influxdb-Build': 'OSS' },
    counts,
  });
  metrics.levels = () => ({
    journalBytes: journal.bytes,
    journalUnconfirmedBytes: journal.unconfirmedBytes,
    journalOldestAgeSec: Math.max(0, (time.nowMs() - (diskJournal?.oldestMs ?? Number.POSITIVE_INFINITY)) / 1_000),
    inflightBytes: bodies.inflightBytes,
    udpQueueBytes: udp?.queuedBytes ?? 0,
    tokens: access.tokens,
  });

  const http =
    settings.http === 'off'
      ? undefined
      : new HttpServer({
          address: settings.http,
          logger: log,
          metrics,
          metricPrefix: 'weir_relay',
          readyChecks: checks,
          limits: httpLimits(settings),
          readTls: tlsPairReader(settings.httpTlsCert, settings.httpTlsKey),
          stopDeadlineMs: drainMs * HTTP_STOP_SHARE,
        });
  if (http) frontDoor.addTo(http);
  const udp =
    settings.udp === 'off'
      ? undefined
      : new UdpServer({
          address: settings.udp,
          receiveBufferBytes: settings.udpReceiveBufferBytes,
          queueBytes: settings.udpQueueBytes,
          reader: settings.udpReader,
          onDatagrams: (lines, datagrams) => {
            counts.datagrams += datagrams;
            if (!intake.hasRoom(lines.length)) {
              counts.datagramsDropped += datagrams;
              return;
            }
            counts.countLines('udp', intake.takeUnattended(lines));
          },
          onKernelDrops: (datagrams) => {
            counts.kernelDrops += datagrams;
          },
          onSocketErrors: (errors) => {
            counts.udpSocketErrors += errors;
          },
          fail,
          logger: log,
        });

  const states = new RelayStates({
    now: () => ({ redisMs: time.nowMs(), aheadMs: time.known ? Date.now() - time.nowMs() : null }),
    totals: () => counts.totals,
    journal: () => ({
      kind: settings.journal === 'disk' ? 'disk' : 'memory',
      bytes: journal.bytes,
      maxBytes: settings.journal === 'disk' ? settings.journalBytes : settings.journalMemoryBytes,
      keepMs: settings.journalAgeMs,
      unconfirmedBytes: journal.unconfirmedBytes,
      oldestMs: diskJournal?.oldestMs ?? null,
      failing: diskJournal?.failing ?? false,
    }),
    owedSinceMs: () => publisher.owedSinceMs,
    udp: () =>
      udp ? { wantedBufferBytes: settings.udpReceiveBufferBytes, grantedBufferBytes: udp.grantedBufferBytes } : null,
  });
  const stateReport = new StateReport({
    redis,
    key: relayStatesKey(prefix),
    id,
    incarnation,
    clock,
    state: () => (admission.open ? states.next() : undefined),
    fail,
    logger: log,
  });

  const service = new ServiceGroup([
    stopOnly(async () => disk?.release()),
    stopOnly(async () => redis.disconnect()),
    stopOnly(() => report.stop()),
    // Stops after all that counts, so that its last report is complete.
    countsReport,
    stateReport,
    stopOnly(() => publisher.stop()),
    ...(http ? [http] : []),
    admission,
    reservedNamesWatch({ redis, prefix, reserved, clock, fail }),
    ...(udp ? [udp] : []),
  ]);
  return {
    service,
    reload: () => {
      access.reload();
      http?.reloadTls();
    },
    ready: () => ({ id, ...(http ? { http: http.address() } : {}), ...(udp ? { udp: udp.address() } : {}) }),
  };
}

function tokenReader(path: string | undefined): (() => readonly TokenEntry[]) | undefined {
  return path === undefined ? undefined : () => readTokenFile(path, (file) => readFileSync(file, 'utf8'));
}

/** A datagram carries no token. */
function warnOfOpenUdp(udp: Address | 'off', logger: Logger): void {
  if (udp === 'off' || isLoopback(udp.host)) return;
  logger.warn(
    { udp: formatAddress(udp) },
    'UDP asks for no token: whoever reaches it may write; set --udp off, or a loopback address',
  );
}

function readyChecks(
  publisher: Publisher,
  admission: Admission,
  time: RedisTime,
  journal: DiskJournal | undefined,
): Record<string, Check> {
  return {
    journal: () => {
      if (journal === undefined) return { ok: true, detail: 'in memory only' };
      return { ok: !journal.failing, detail: journal.failing ? 'the disk does not take it' : 'on disk' };
    },
    redis: () => {
      if (!admission.open) return { ok: false, detail: 'Redis was not reached yet' };
      return publisher.away
        ? { ok: false, detail: 'Redis does not take batches' }
        : { ok: true, detail: 'Redis takes batches' };
    },
    deployment: () => ({
      ok: admission.agreed,
      detail: admission.agreed ? 'partitions agreed' : 'partitions not agreed yet',
    }),
    clock: () => {
      const apartMs = Math.round(time.nowMs() - Date.now());
      const detail = time.known
        ? `Redis's clock is ${apartMs} ms ahead of this machine's`
        : "Redis's clock is not known";
      return { ok: time.known && Math.abs(apartMs) <= MAX_CLOCK_APART_MS, detail };
    },
  };
}

/** A part that another part starts. */
function stopOnly(stop: () => Promise<void>): Service {
  return { start: async () => undefined, stop };
}
