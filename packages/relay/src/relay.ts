import { randomBytes } from 'node:crypto';
import { RedisTime, systemClock } from '@weir/common/clock';
import { SettingsError } from '@weir/common/errors';
import { type Check, HttpServer } from '@weir/common/http';
import type { BuildContext, Daemon } from '@weir/common/program';
import { openRedis } from '@weir/common/redis';
import { type Service, ServiceGroup } from '@weir/common/service';
import { Admission } from './admission.ts';
import { CountsReport } from './counts-report.ts';
import { Intake } from './intake.ts';
import { MemoryJournal } from './journal.ts';
import { Publisher } from './publisher.ts';
import { RelayMetrics } from './relay-metrics.ts';
import { RelayReport } from './relay-report.ts';
import type { RelaySettings } from './settings.ts';
import { STAMP_DIGITS, Stamps } from './stamps.ts';
import { UdpServer } from './udp-server.ts';
import { WriteRoutes } from './write-routes.ts';

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

export async function buildRelay(settings: RelaySettings, { logger, fail, stopping }: BuildContext): Promise<Daemon> {
  checkTogether(settings);
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

  const journal = new MemoryJournal({ maxBytes: settings.journalMemoryBytes, partitions });
  const publisher = new Publisher({
    redis: appendRedis,
    prefix,
    partitions,
    appender: { relayId: id, incarnation },
    journal,
    clock,
    random: Math.random,
    batchBytes: settings.batchBytes,
    lingerMs: settings.lingerMs,
    drainMs: drainMs * LANES_DRAIN_SHARE,
    counts,
    onLostByRedis: () => admission.agreeAgain(),
    logger: log,
    fail,
  });
  const report = new RelayReport({
    redis: appendRedis,
    signOffRedis: redis,
    prefix,
    id,
    incarnation,
    clock,
    time,
    drainedMs: () => publisher.drainedMs,
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
  const intake = new Intake({
    lanes: publisher.lanes,
    journal,
    stamps: new Stamps(Number.parseInt(incarnation.slice(0, 8), 16) % STAMP_DIGITS),
    nowMs: () => time.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
  });
  const routes = new WriteRoutes({
    intake,
    counts,
    clock,
    refusal: () => {
      if (!admission.open) return 'not ready: Redis was not reached yet';
      return publisher.away ? 'Redis does not take batches at the moment' : undefined;
    },
    bodyLimitBytes: settings.bodyLimitBytes,
    inflightBytes: settings.inflightBytes,
    appendTimeoutMs: settings.appendTimeoutMs,
    stopping,
    stopWaitMs: drainMs * REQUEST_WAIT_SHARE,
  });
  metrics.levels = () => ({
    journalBytes: journal.bytes,
    journalUnconfirmedBytes: journal.unconfirmedBytes,
    inflightBytes: routes.inflightBytes,
  });

  const http =
    settings.http === 'off'
      ? undefined
      : new HttpServer({
          address: settings.http,
          logger: log,
          metrics,
          metricPrefix: 'weir_relay',
          readyChecks: readyChecks(publisher, admission, time),
          maxConnections: settings.httpMaxConnections,
          stopDeadlineMs: drainMs * HTTP_STOP_SHARE,
        });
  if (http) routes.addTo(http);
  const udp =
    settings.udp === 'off'
      ? undefined
      : new UdpServer({
          address: settings.udp,
          receiveBufferBytes: settings.udpReceiveBufferBytes,
          onDatagram: (datagram) => {
            counts.datagrams++;
            if (!intake.hasRoom(datagram.length)) {
              counts.datagramsDropped++;
              return;
            }
            const { accepted, byReason } = intake.takeUnattended(datagram);
            counts.countLines('udp', accepted, byReason);
          },
          onKernelDrops: (datagrams) => {
            counts.kernelDrops += datagrams;
          },
          logger: log,
        });

  const service = new ServiceGroup([
    stopOnly(async () => redis.disconnect()),
    stopOnly(() => report.stop()),
    // Stops after all that counts, so that its last report is complete.
    countsReport,
    stopOnly(() => publisher.stop()),
    ...(http ? [http] : []),
    admission,
    ...(udp ? [udp] : []),
  ]);
  return {
    service,
    ready: () => ({ id, ...(http ? { http: http.address() } : {}), ...(udp ? { udp: udp.address() } : {}) }),
  };
}

/** Settings that are each right and do not fit together. */
function checkTogether({ http, udp, bodyLimitBytes, journalMemoryBytes, inflightBytes }: RelaySettings): void {
  if (http === 'off' && udp === 'off') throw new SettingsError('--http: got off, expected an address, as --udp is off');
  for (const [flag, bytes] of [
    ['--journal-memory', journalMemoryBytes],
    ['--inflight-bytes', inflightBytes],
  ] as const) {
    if (bytes >= bodyLimitBytes) continue;
    throw new SettingsError(`${flag}: got ${bytes} bytes, expected at least --body-limit (${bodyLimitBytes} bytes)`);
  }
}

function readyChecks(publisher: Publisher, admission: Admission, time: RedisTime): Record<string, Check> {
  return {
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
