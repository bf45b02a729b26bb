import type { AggregatorState } from '@weir/common/daemon-state';
import { formatDuration } from '@weir/common/setting-values';
import type { DaemonsLook } from './daemons-look.ts';
import { type DoctorLine, good, line } from './doctor-report.ts';
import { ALIVE_MS, aliveIds } from './heartbeats.ts';
import type { RedisStatus } from './redis-status.ts';
import { formatBytes } from './time-text.ts';

/** What should be as it is, and what to do where it is not. Pure. */
const CLOCK_ADVICE_MS = 1_000;
/** Relays are not ready beyond it. */
const CLOCK_BAD_MS = 60_000;
const NEARLY_FULL = 0.8;

export function redisLines(redis: RedisStatus): DoctorLine[] {
  const { version, role, policy, maxMemoryBytes, usedMemoryBytes, appendOnly, appendFsync } = redis;
  const { connections, maxConnections, lastWriteToDiskFailed } = redis;
  const major = Number(version.split('.')[0]);
  const full = maxMemoryBytes > 0 ? usedMemoryBytes / maxMemoryBytes : 0;
  const memory = `${formatBytes(usedMemoryBytes)} of ${maxMemoryBytes === 0 ? 'no limit' : formatBytes(maxMemoryBytes)}`;
  return [
    major >= 7
      ? good('redis version', version)
      : line('redis version', 'bad', version, 'upgrade Redis to 7.0 or later'),
    role === 'master'
      ? good('redis role', role)
      : line('redis role', 'bad', role, 'point --redis at the master: a replica refuses writes'),
    policy === 'noeviction'
      ? good('redis eviction', policy)
      : line(
          'redis eviction',
          maxMemoryBytes > 0 ? 'bad' : 'advice',
          `${policy}: Redis may throw counts away`,
          'redis-cli CONFIG SET maxmemory-policy noeviction, and in redis.conf',
        ),
    maxMemoryBytes === 0
      ? line('redis memory', 'advice', memory, 'set maxmemory: without it Redis may take all memory of its machine')
      : full > NEARLY_FULL
        ? line(
            'redis memory',
            full >= 0.95 ? 'bad' : 'advice',
            memory,
            'raise maxmemory, or find what fills it: weir status',
          )
        : good('redis memory', memory),
    appendOnly
      ? appendFsync === 'no'
        ? line('redis persistence', 'advice', 'appendonly, appendfsync no', 'redis-cli CONFIG SET appendfsync everysec')
        : good('redis persistence', `appendonly${appendFsync === null ? '' : `, appendfsync ${appendFsync}`}`)
      : line(
          'redis persistence',
          'advice',
          'no appendonly: after a restart Redis knows only what relays can send again',
          'redis-cli CONFIG SET appendonly yes, and in redis.conf',
        ),
    ...(lastWriteToDiskFailed
      ? [line('redis disk', 'bad', 'its last write to disk failed', 'make room: redis-cli INFO persistence')]
      : []),
    maxConnections !== null && connections > NEARLY_FULL * maxConnections
      ? line('redis connections', 'advice', `${connections} of ${maxConnections}`, 'raise maxclients')
      : good('redis connections', `${connections}${maxConnections === null ? '' : ` of ${maxConnections}`}`),
  ];
}

/** `aheadMs`: of a machine against Redis's clock; null: not known. */
export function clockLine(about: string, aheadMs: number | null): DoctorLine {
  if (aheadMs === null) return line(`clock of ${about}`, 'unknown', 'not told');
  const apart = Math.abs(aheadMs);
  const found = `${apart} ms ${aheadMs < 0 ? 'behind' : 'ahead of'} Redis's`;
  if (apart <= CLOCK_ADVICE_MS) return good(`clock of ${about}`, found);
  return line(`clock of ${about}`, apart > CLOCK_BAD_MS ? 'bad' : 'advice', found, 'run NTP on both machines');
}

export function relayLines({ relayReports, relayStates, redisMs, deployment }: DaemonsLook): DoctorLine[] {
  const neededMs =
    deployment.latenessMs === undefined || deployment.windowMs === undefined
      ? undefined
      : deployment.latenessMs + deployment.windowMs;
  return relayReports
    .filter(({ lastMs }) => redisMs - lastMs <= ALIVE_MS)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .flatMap(({ id }) => {
      const state = relayStates.get(id);
      if (!state) return [line(id, 'unknown', 'says nothing of itself: an older version, or it has just started')];
      const { udp, journal } = state;
      return [
        clockLine(id, state.clockAheadMs),
        ...(udp ? [bufferLine(id, udp)] : []),
        journal.kind === 'memory'
          ? line(`journal of ${id}`, 'advice', 'in memory only: lost with the process', 'start it with --journal disk')
          : neededMs !== undefined && journal.keepMs < neededMs
            ? line(
                `journal of ${id}`,
                'advice',
                `keeps ${formatDuration(journal.keepMs)}, and lateness and a window are ${formatDuration(neededMs)}`,
                `--journal-age ${formatDuration(neededMs * 2)}: else a total loss of Redis's data is not made good exactly`,
              )
            : good(
                `journal of ${id}`,
                `on disk, up to ${formatBytes(journal.maxBytes)}, keeps ${formatDuration(journal.keepMs)}`,
              ),
      ];
    });
}

function bufferLine(id: string, udp: { wantedBufferBytes: number; grantedBufferBytes: number }): DoctorLine {
  const { wantedBufferBytes: wanted, grantedBufferBytes: granted } = udp;
  const about = `UDP buffer of ${id}`;
  if (granted >= wanted) return good(about, formatBytes(granted));
  const found = `the kernel grants ${formatBytes(granted)} of ${formatBytes(wanted)}`;
  return line(about, 'advice', found, `on its machine: sysctl -w net.core.rmem_max=${wanted}, then restart the relay`);
}

export function aggregatorLines({ heartbeats, aggregatorStates }: DaemonsLook, partitions: number): DoctorLine[] {
  const alive = aliveIds(heartbeats).sort();
  const states = alive.flatMap((id) => {
    const state = aggregatorStates.get(id);
    return state ? [{ id, state }] : [];
  });
  const silent = alive.filter((id) => !aggregatorStates.has(id));
  return [
    alive.length === 0
      ? line('aggregators', 'bad', 'none is alive', 'start one: weir-aggregator')
      : alive.length === 1
        ? line('aggregators', 'advice', `only ${alive[0]}`, 'start a second one, on the other machine')
        : alive.length > partitions
          ? line('aggregators', 'advice', `${alive.length}, for ${partitions} partitions: some have nothing to read`)
          : good('aggregators', `${alive.length} share ${partitions} partitions`),
    ...silent.map((id) => line(id, 'unknown', 'says nothing of itself: an older version, or it has just started')),
    ...states.map(({ id, state }) => clockLine(id, state.clockAheadMs)),
    ...disagreements(states),
  ];
}

type Named = readonly { id: string; state: AggregatorState }[];

const FLAGS = {
  holdMs: '--hold',
  claimIdleMs: '--claim-idle',
  sinkRetainMs: '--sink-retain',
  finalKeepMs: '--final-keep',
};

/** Settings that are no part of the deployment, and should be the same all the same. */
function disagreements(states: Named): DoctorLine[] {
  return Object.entries(FLAGS).flatMap(([name, flag]) => {
    const values = new Map(states.map(({ id, state }) => [id, state.settings[name as keyof typeof FLAGS]]));
    if (new Set(values.values()).size <= 1) return [];
    const each = [...values].map(([id, ms]) => `${id} ${formatDuration(ms)}`).join(', ');
    return [
      line(`setting ${flag}`, 'advice', `aggregators disagree: ${each}`, `start all of them with the same ${flag}`),
    ];
  });
}

/** Sinks as the aggregators tell of them. */
export function sinkLines({ heartbeats, aggregatorStates, deployment }: DaemonsLook): DoctorLine[] {
  const told = aliveIds(heartbeats).flatMap((id) => aggregatorStates.get(id)?.sinks ?? []);
  return (deployment.sinks ?? []).map((name) => {
    const states = told.filter((sink) => sink.name === name);
    const worst =
      states.find(({ state }) => state === 'away') ?? states.find(({ state }) => state === 'failing') ?? states[0];
    if (!worst) return line(`sink ${name}`, 'unknown', 'no aggregator that is alive tells of it');
    const found = `${worst.kind}, ${worst.state}${worst.errorCode === null ? '' : `: ${worst.errorCode} ${worst.errorText ?? ''}`}`;
    return worst.state === 'well'
      ? good(`sink ${name}`, found)
      : line(
          `sink ${name}`,
          'bad',
          found,
          `mend the database; then it fills by itself: weir windows --sink ${name} --watch`,
        );
  });
}

/** Groups besides the one that folds keep what they have not acknowledged from being trimmed. */
export function groupLines(strange: ReadonlyMap<string, number>): DoctorLine[] {
  return [...strange].map(([group, partitions]) =>
    line(
      `consumer group ${group}`,
      'bad',
      `on the streams of ${partitions} partitions: what it does not read and acknowledge is never trimmed`,
      `if nobody needs it: redis-cli XGROUP DESTROY <prefix>:{<partition>}:stream ${group}`,
    ),
  );
}
