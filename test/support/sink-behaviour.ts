/** How a sink behind a SinkProxy answers one request. Pure; the proxy knows how to do each. */
export type SinkBehaviour =
  /** Forwarded; the answer goes back as it came. */
  | { kind: 'pass' }
  /** Answered by the proxy and never forwarded: 401, 500, 503. */
  | { kind: 'answer'; status: number; body?: string }
  /** Never forwarded, never answered; the connection is cut after `ms`, or at `cutHanging` where none are given. */
  | { kind: 'hang'; ms?: number }
  /** Forwarded, and the answer given back a byte every so often, status line and headers too. */
  | { kind: 'drip'; everyMs: number }
  /** Reset before anything was forwarded. */
  | { kind: 'reset-before' }
  /** Forwarded, and reset instead of passing the answer on: the write is there and its writer does not know. */
  | { kind: 'reset-after' }
  /** Never answered, and forwarded after `ms`, or at `landLate` where none are given: the abandoned write that lands late. */
  | { kind: 'forward-late'; ms?: number }
  /** Lines it says yes to are left out of what is forwarded, and then the answer is 400 "partial write". */
  | { kind: 'refuse-lines'; refuses: (line: string) => boolean };

export type BehaviourName = SinkBehaviour['kind'];
export type RequestKind = 'write' | 'query';

export const PASS: SinkBehaviour = { kind: 'pass' };

/** `/write` of InfluxDB 1.x, `/api/v2/write` of 2.x; whatever else is asked counts as a query. */
export function requestKind(path: string): RequestKind {
  return /^\/(?:api\/v2\/)?write(?:\?|$)/.test(path) ? 'write' : 'query';
}

/** The words of InfluxDB 1.x for points that it left out while it kept the others. */
export function partialWrite(dropped: number): string {
  return JSON.stringify({ error: `partial write: refused by the test dropped=${dropped}` });
}

/** Lines apart into those to keep and those refused; empty lines are nothing. */
export function partLines(body: string, refuses: (line: string) => boolean): { kept: string[]; refused: string[] } {
  const lines = body.split('\n').filter((line) => line !== '');
  return { kept: lines.filter((line) => !refuses(line)), refused: lines.filter(refuses) };
}
