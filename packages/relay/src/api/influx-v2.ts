import type { WriteDoor } from '../write-door.ts';
import type { ApiRoute } from './route.ts';
import { V2_WORDS } from './words.ts';
import { readWriteRequest, V2_PRECISIONS } from './write-request.ts';

/** The API of InfluxDB 2.x, as far as clients that write need it. Pure. */
export function influxV2(writes: WriteDoor): ApiRoute[] {
  return [
    {
      method: 'POST',
      path: '/api/v2/write',
      kind: 'write',
      words: V2_WORDS,
      handle: (request, query) => {
        const asked = readWriteRequest(V2_PRECISIONS, query, request.headers['idempotency-key']);
        return writes.take(request, asked, V2_WORDS);
      },
    },
  ];
}
