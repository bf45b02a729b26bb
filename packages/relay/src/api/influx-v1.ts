import type { WriteDoor } from '../write-door.ts';
import type { ApiRoute } from './route.ts';
import { V1_WORDS } from './words.ts';
import { readWriteRequest, V1_PRECISIONS } from './write-request.ts';

/** The API of InfluxDB 1.x, as far as clients that write need it. Pure. */
export function influxV1(writes: WriteDoor): ApiRoute[] {
  return [
    {
      method: 'POST',
      path: '/write',
      kind: 'write',
      words: V1_WORDS,
      handle: (request, query) => {
        const asked = readWriteRequest(V1_PRECISIONS, query, request.headers['idempotency-key']);
        return writes.take(request, asked, V1_WORDS);
      },
    },
    {
      method: 'GET',
      path: '/ping',
      kind: 'health',
      words: V1_WORDS,
      handle: () => ({ status: 204, headers: {}, body: undefined }),
    },
  ];
}
