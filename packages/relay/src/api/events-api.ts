import type { IncomingMessage } from 'node:http';
import { EventTranslator, looksLikeJson } from '../json/json-events.ts';
import type { WriteDoor } from '../write-door.ts';
import type { ApiRoute } from './route.ts';
import { V1_WORDS } from './words.ts';
import { readWriteRequest, V1_PRECISIONS } from './write-request.ts';

/**
 * Weir's own API: `/events` takes JSON where the client says that it is, or where it cannot be anything else, and lines
 * otherwise. It answers as `/write` does. Pure.
 */
export function eventsApi(writes: WriteDoor): ApiRoute[] {
  const translator = new EventTranslator();
  return [
    {
      method: 'POST',
      path: '/events',
      kind: 'write',
      words: V1_WORDS,
      handle: (request, query) => {
        const asked = readWriteRequest(V1_PRECISIONS, query, request.headers['idempotency-key']);
        const json = saysJson(request);
        const translate = (body: Buffer) => (json || looksLikeJson(body) ? translator.translate(body) : undefined);
        return writes.take(request, asked, { words: V1_WORDS, translate });
      },
    },
  ];
}

const JSON_TYPES = new Set(['application/json', 'application/x-ndjson', 'application/ndjson', 'application/jsonl']);

function saysJson({ headers }: IncomingMessage): boolean {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
  return JSON_TYPES.has(type) || type.endsWith('+json');
}
