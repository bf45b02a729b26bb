import type { IncomingMessage } from 'node:http';
import type { Bodies } from '../body.ts';
import type { WriteDoor } from '../write-door.ts';
import { parseStatements } from './influxql.ts';
import { QueryAnswers } from './query-answers.ts';
import type { ApiRoute } from './route.ts';
import { type Answer, REFUSED_BODIES, V1_WORDS } from './words.ts';
import { readWriteRequest, V1_PRECISIONS } from './write-request.ts';

/**
 * The API of InfluxDB 1.x, as far as clients need it that write: `/write`; `/ping`, by which they find out whether
 * and what we are; `/query`, with which many of them create their database first.
 */
export interface InfluxV1Options {
  writes: WriteDoor;
  bodies: Bodies;
  version: string;
}

const MAX_QUERY_BYTES = 64 * 1024;
const TOO_LARGE = V1_WORDS.refused({ status: 413, message: `a query of more than ${MAX_QUERY_BYTES} bytes` });

export function influxV1({ writes, bodies, version }: InfluxV1Options): ApiRoute[] {
  const answers = new QueryAnswers();
  const common = { words: V1_WORDS } as const;
  const query = (params: URLSearchParams): Answer => answerQuery(answers, params);
  return [
    {
      ...common,
      method: 'POST',
      path: '/write',
      kind: 'write',
      handle: (request, params) => {
        const asked = readWriteRequest(V1_PRECISIONS, params, request.headers['idempotency-key']);
        return writes.take(request, asked, { words: V1_WORDS });
      },
    },
    { ...common, method: 'GET', path: '/ping', kind: 'health', handle: (_, params) => ping(params, version) },
    { ...common, method: 'GET', path: '/query', kind: 'query', handle: (_, params) => query(params) },
    {
      ...common,
      method: 'POST',
      path: '/query',
      kind: 'query',
      handle: async (request, params) => {
        const answer = await bodies.hold(request, (body) => query(withForm(params, request, body)), MAX_QUERY_BYTES);
        if (answer === 'cut-off') return undefined;
        if (answer === 'too-large') return TOO_LARGE;
        return typeof answer === 'string' ? V1_WORDS.refused(REFUSED_BODIES[answer]) : answer;
      },
    },
  ];
}

function ping(params: URLSearchParams, version: string): Answer {
  const verbose = params.get('verbose') ?? '';
  if (['', '0', 'false'].includes(verbose)) return { status: 204, headers: {}, body: undefined };
  return { status: 200, headers: {}, body: { version } };
}

/** What stands in a form wins over the URL. */
function withForm(params: URLSearchParams, { headers }: IncomingMessage, body: Buffer): URLSearchParams {
  const type = headers['content-type'] || 'application/x-www-form-urlencoded';
  if (!type.startsWith('application/x-www-form-urlencoded')) return params;
  const merged = new URLSearchParams(params);
  for (const [name, value] of new URLSearchParams(body.toString())) merged.set(name, value);
  return merged;
}

function answerQuery(answers: QueryAnswers, params: URLSearchParams): Answer {
  const indent = params.get('pretty') === 'true' ? { indent: 4 } : {};
  const text = (params.get('q') ?? '').trim();
  if (text === '') return { ...refused('missing required parameter "q"'), ...indent };
  if (Buffer.byteLength(text) > MAX_QUERY_BYTES) return TOO_LARGE;
  const statements = parseStatements(text);
  if ('message' in statements) return { ...refused(statements.message), ...indent };
  const results = answers.answer(statements, params.get('db') || undefined);
  return { status: 200, headers: {}, body: { results }, ...indent };
}

function refused(message: string): Answer {
  return V1_WORDS.refused({ status: 400, message });
}
