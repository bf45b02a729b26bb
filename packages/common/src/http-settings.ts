import { SettingsError } from './errors.ts';
import type { HttpLimits } from './http-limits.ts';
import { type Address, byteSize, duration, formatDuration, integer, text } from './setting-values.ts';
import { defineSettings, type SettingRule, type SettingsOf, setting } from './settings.ts';

/** The settings of the HTTP server that both daemons have. */
export const HTTP_SETTINGS = defineSettings({
  httpMaxConnections: setting({
    flag: 'http-max-connections <n>',
    env: 'WEIR_HTTP_MAX_CONNECTIONS',
    description: 'open HTTP connections; more are closed as they come',
    parse: integer(1, 65_535),
    default: '1024',
  }),
  httpMaxConnectionsPerAddress: setting({
    flag: 'http-max-connections-per-address <n>',
    env: 'WEIR_HTTP_MAX_CONNECTIONS_PER_ADDRESS',
    description: 'of these, from one address; more are closed as they come',
    parse: integer(1, 65_535),
    default: '1024',
  }),
  httpMaxHeaderBytes: setting({
    flag: 'http-max-header-bytes <bytes>',
    env: 'WEIR_HTTP_MAX_HEADER_BYTES',
    description: 'header of one request, its first line included; beyond: 431',
    parse: byteSize({ minBytes: 1024, maxBytes: 2 ** 20 }),
    default: '16KiB',
  }),
  httpMaxHeaders: setting({
    flag: 'http-max-headers <n>',
    env: 'WEIR_HTTP_MAX_HEADERS',
    description: 'fields in the header of one request; beyond: 431',
    parse: integer(10, 10_000),
    default: '100',
  }),
  httpHeaderTimeoutMs: setting({
    flag: 'http-header-timeout <duration>',
    env: 'WEIR_HTTP_HEADER_TIMEOUT',
    description: 'from the first byte of a request to the end of its header; beyond: 408',
    parse: duration({ minMs: 100, maxMs: 3_600_000 }),
    default: '10s',
  }),
  httpRequestTimeoutMs: setting({
    flag: 'http-request-timeout <duration>',
    env: 'WEIR_HTTP_REQUEST_TIMEOUT',
    description: 'from the first byte of a request to its last; beyond: 408',
    parse: duration({ minMs: 100, maxMs: 3_600_000 }),
    default: '30s',
  }),
  httpIdleTimeoutMs: setting({
    flag: 'http-idle-timeout <duration>',
    env: 'WEIR_HTTP_IDLE_TIMEOUT',
    description: 'between two requests of one connection; then it is closed',
    parse: duration({ minMs: 100, maxMs: 3_600_000 }),
    default: '60s',
  }),
  httpTlsCert: setting({
    flag: 'http-tls-cert <file>',
    env: 'WEIR_HTTP_TLS_CERT',
    description: 'certificate in PEM, with its chain: HTTP becomes HTTPS; read again at SIGHUP',
    parse: text('the path of a file'),
  }),
  httpTlsKey: setting({
    flag: 'http-tls-key <file>',
    env: 'WEIR_HTTP_TLS_KEY',
    description: 'its private key in PEM',
    parse: text('the path of a file'),
  }),
});

export type HttpSettings = SettingsOf<typeof HTTP_SETTINGS>;

/** Throws a SettingsError when they do not fit together. */
export function httpLimits(settings: HttpSettings): HttpLimits {
  const { httpHeaderTimeoutMs, httpRequestTimeoutMs } = settings;
  if (httpHeaderTimeoutMs > httpRequestTimeoutMs) {
    const [header, request] = [httpHeaderTimeoutMs, httpRequestTimeoutMs].map(formatDuration);
    throw new SettingsError(
      `--http-header-timeout: got ${header}, expected at most --http-request-timeout (${request})`,
    );
  }
  return {
    maxConnections: settings.httpMaxConnections,
    maxConnectionsPerAddress: settings.httpMaxConnectionsPerAddress,
    maxHeaderBytes: settings.httpMaxHeaderBytes,
    maxHeaders: settings.httpMaxHeaders,
    headerTimeoutMs: httpHeaderTimeoutMs,
    requestTimeoutMs: httpRequestTimeoutMs,
    idleTimeoutMs: settings.httpIdleTimeoutMs,
  };
}

const CERT_FLAG = '--http-tls-cert';
const KEY_FLAG = '--http-tls-key';

/** Undefined where neither is set: then HTTP is plain. Throws a SettingsError where only one is. */
export function tlsFiles(
  certFile: string | undefined,
  keyFile: string | undefined,
): { certFile: string; keyFile: string } | undefined {
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  if (certFile === undefined && keyFile === undefined) return undefined;
  const [missing, set] = certFile === undefined ? [CERT_FLAG, KEY_FLAG] : [KEY_FLAG, CERT_FLAG];
  throw new SettingsError(`${missing}: got nothing, expected a file, as ${set} is set`);
}

/** Where there is an HTTP server. */
export const HTTP_RULES: readonly SettingRule<HttpSettings & { readonly http: Address | 'off' }>[] = [
  {
    about: ['httpHeaderTimeoutMs', 'httpRequestTimeoutMs', 'http'],
    check: (settings) => {
      if (settings.http !== 'off') httpLimits(settings);
    },
  },
  {
    about: ['httpTlsCert', 'httpTlsKey', 'http'],
    check: ({ http, httpTlsCert, httpTlsKey }) => {
      if (http !== 'off') tlsFiles(httpTlsCert, httpTlsKey);
    },
  },
];
