import type { Counter, Gauge } from 'prom-client';
import { HTTP_REFUSALS, type HttpRefusal } from './http-limits.ts';
import type { Metrics } from './metrics.ts';

/** What the HTTP server of a daemon counts. `prefix`: `weir_relay` or `weir_aggregator`. */
export class HttpMetrics {
  readonly #closed: Counter<'limit'>;
  readonly #refusals: Counter<'reason'>;
  readonly #tlsReloads: Counter<'result'>;
  readonly #tlsExpiry: Gauge;

  constructor(metrics: Metrics, prefix: string, openConnections: () => number) {
    metrics.gauge({ name: `${prefix}_http_connections`, help: 'Open HTTP connections.' }, (gauge) =>
      gauge.set(openConnections()),
    );
    this.#closed = metrics.counter({
      name: `${prefix}_http_connections_refused_total`,
      help: 'HTTP connections closed as they came because so many were open, in total or from one address.',
      labelNames: ['limit'],
    });
    for (const limit of ['total', 'address']) this.#closed.inc({ limit }, 0);
    this.#refusals = metrics.counter({
      name: `${prefix}_http_refusals_total`,
      help: 'HTTP requests refused before any route saw them, and connections cut.',
      labelNames: ['reason'],
    });
    for (const reason of HTTP_REFUSALS) this.#refusals.inc({ reason }, 0);
    this.#tlsReloads = metrics.counter({
      name: `${prefix}_http_tls_reloads_total`,
      help: 'Times the TLS files were read again.',
      labelNames: ['result'],
    });
    for (const result of ['done', 'failed']) this.#tlsReloads.inc({ result }, 0);
    this.#tlsExpiry = metrics.gauge({
      name: `${prefix}_http_tls_expiry_timestamp_seconds`,
      help: 'When the certificate in force expires, Unix time; 0 without TLS.',
    });
    this.#tlsExpiry.set(0);
  }

  connectionRefused(limit: 'total' | 'address'): void {
    this.#closed.inc({ limit });
  }

  refused(reason: HttpRefusal): void {
    this.#refusals.inc({ reason });
  }

  tlsInForce(expiresMs: number): void {
    this.#tlsExpiry.set(expiresMs / 1_000);
  }

  tlsReloaded(result: 'done' | 'failed'): void {
    this.#tlsReloads.inc({ result });
  }
}
