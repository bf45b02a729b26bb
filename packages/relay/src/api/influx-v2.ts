import type { Clock } from '@weir/common/clock';
import type { CheckResult } from '@weir/common/http';
import type { WriteDoor } from '../write-door.ts';
import type { ApiRoute } from './route.ts';
import { type Answer, READ_ELSEWHERE, V2_WORDS } from './words.ts';
import { readWriteRequest, V2_PRECISIONS } from './write-request.ts';

/**
 * The API of InfluxDB 2.x, as far as clients need it that write: `/api/v2/write`; `/health` and `/ready`, by which they
 * and their monitors ask whether writes are taken. `/ping` is that of 1.x. Pure.
 */
export interface InfluxV2Options {
  writes: WriteDoor;
  /** What `/readyz` is made of. */
  check: () => Promise<Record<string, CheckResult>>;
  /** When the relay started, Unix milliseconds. */
  startedMs: number;
  clock: Clock;
  version: string;
}

export function influxV2({ writes, check, startedMs, clock, version }: InfluxV2Options): ApiRoute[] {
  const common = { words: V2_WORDS } as const;
  const startedAt = clock.monotonicMs();
  return [
    {
      ...common,
      method: 'POST',
      path: '/api/v2/write',
      kind: 'write',
      handle: (request, query) => {
        const asked = readWriteRequest(V2_PRECISIONS, query, request.headers['idempotency-key']);
        return writes.take(request, asked, { words: V2_WORDS });
      },
    },
    {
      ...common,
      method: 'POST',
      path: '/api/v2/query',
      kind: 'query',
      handle: () => V2_WORDS.refused({ status: 501, message: READ_ELSEWHERE }),
    },
    { ...common, method: 'GET', path: '/health', kind: 'health', handle: async () => health(await check(), version) },
    {
      ...common,
      method: 'GET',
      path: '/ready',
      kind: 'health',
      handle: async () => {
        const failing = failingOf(await check());
        if (failing.length > 0) return V2_WORDS.refused({ status: 503, message: failing.join('; ') });
        const up = duration(clock.monotonicMs() - startedAt);
        return { status: 200, headers: {}, body: { status: 'ready', started: new Date(startedMs).toISOString(), up } };
      },
    },
  ];
}

function health(results: Record<string, CheckResult>, version: string): Answer {
  const failing = failingOf(results);
  const passes = failing.length === 0;
  const body = {
    name: 'weir-relay',
    message: passes ? 'ready for writes' : failing.join('; '),
    status: passes ? 'pass' : 'fail',
    checks: Object.entries(results).map(([name, { ok, detail }]) => ({
      name,
      message: detail,
      status: ok ? 'pass' : 'fail',
    })),
    version,
  };
  return { status: passes ? 200 : 503, headers: {}, body };
}

function failingOf(results: Record<string, CheckResult>): string[] {
  return Object.entries(results).flatMap(([name, { ok, detail }]) => (ok ? [] : [`${name}: ${detail}`]));
}

/** As Go writes it: `1h2m3s`. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${h > 0 ? `${h}h` : ''}${seconds >= 60 ? `${m}m` : ''}${s}s`;
}
