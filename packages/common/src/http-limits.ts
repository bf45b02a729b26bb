/**
 * What the HTTP server of both daemons bounds, and what it says to a request that goes beyond before a handler sees it.
 * Pure. The settings are in http-settings.ts.
 */
export interface HttpLimits {
  /** Open at once; more are closed as they come. */
  maxConnections: number;
  /** Of these, from one address. */
  maxConnectionsPerAddress: number;
  /** Of one request, its first line included; more: 431. */
  maxHeaderBytes: number;
  /** Fields in one header; more: 431. */
  maxHeaders: number;
  /** For a TLS handshake, and then from the first byte of a request to the end of its header; longer: 408. */
  headerTimeoutMs: number;
  /** From the first byte of a request to its last; longer: 408. An answer may be left unread for as long. */
  requestTimeoutMs: number;
  /** Between two requests of one connection; then it is closed. */
  idleTimeoutMs: number;
}

/** Why a request was refused, or its connection cut, here. */
export const HTTP_REFUSALS = [
  'malformed',
  'header-bytes',
  'headers',
  'timeout',
  'tls',
  'pipelining',
  'body-after-answer',
  'unread-answer',
] as const;
export type HttpRefusal = (typeof HTTP_REFUSALS)[number];

export interface RefusalAnswer {
  refusal: HttpRefusal;
  status: number;
  /** As HTTP calls the status. */
  phrase: string;
}

export const TOO_MANY_HEADERS: RefusalAnswer = {
  refusal: 'headers',
  status: 431,
  phrase: 'Request Header Fields Too Large',
};
const MALFORMED: RefusalAnswer = { refusal: 'malformed', status: 400, phrase: 'Bad Request' };

const BY_CODE: ReadonlyMap<string, RefusalAnswer> = new Map([
  ['HPE_HEADER_OVERFLOW', { ...TOO_MANY_HEADERS, refusal: 'header-bytes' }],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', { refusal: 'malformed', status: 413, phrase: 'Payload Too Large' }],
  ['ERR_HTTP_REQUEST_TIMEOUT', { refusal: 'timeout', status: 408, phrase: 'Request Timeout' }],
]);

/** For a request that node itself could not read, by the code of node's error. */
export function answerToUnreadable(code: string | undefined): RefusalAnswer {
  return BY_CODE.get(code ?? '') ?? MALFORMED;
}

/** The last bytes of a connection. */
export function rawAnswer({ status, phrase }: RefusalAnswer): string {
  const body = JSON.stringify({ error: phrase.toLowerCase() });
  const head = `HTTP/1.1 ${status} ${phrase}\r\ncontent-type: application/json\r\nconnection: close\r\n`;
  return `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
