import type { HttpLimits } from '@weir/common/http-limits';

/** Limits of an HTTP server that no test reaches unless it means to. */
export const HTTP_LIMITS: HttpLimits = {
  maxConnections: 10,
  maxConnectionsPerAddress: 10,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  headerTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
};
