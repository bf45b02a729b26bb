import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';

/**
 * Reads the body of a request into memory, within bounds that hold for what it decodes to: one for a single body, one
 * shared by all requests in hand. A body that goes beyond is not read on; the connection stays usable for the answer.
 */
export type BodyFault = 'too-large' | 'no-room' | 'bad-encoding' | 'bad-gzip' | 'cut-off';

export interface BodyLimits {
  maxBytes: number;
  /** Asks for so many bytes of what all requests may hold together; they are given back by whoever asked for the body. */
  reserve: (bytes: number) => boolean;
}

export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer | BodyFault> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'identity' && encoding !== '' && encoding !== 'gzip') return 'bad-encoding';
  if (Number(request.headers['content-length'] ?? 0) > limits.maxBytes) return 'too-large';
  return collect(request, encoding === 'gzip', limits);
}

function collect(request: IncomingMessage, gzip: boolean, limits: BodyLimits): Promise<Buffer | BodyFault> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const gunzip = gzip ? createGunzip() : undefined;
    const source = gunzip ? request.pipe(gunzip) : request;
    const finish = (result: Buffer | BodyFault) => {
      source.off('data', onData);
      source.off('end', onEnd);
      request.off('close', onClose);
      if (gunzip) {
        request.unpipe(gunzip);
        gunzip.destroy();
      }
      // What is left of the body is read and thrown away, so that the answer reaches a client that is still sending.
      request.resume();
      resolve(result);
    };
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limits.maxBytes) finish('too-large');
      else if (!limits.reserve(chunk.length)) finish('no-room');
      else chunks.push(chunk);
    };
    const onEnd = () => finish(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes));
    const onClose = () => {
      if (!request.complete) finish('cut-off');
    };
    source.on('data', onData);
    source.on('end', onEnd);
    gunzip?.on('error', () => finish('bad-gzip'));
    request.on('error', () => finish('cut-off'));
    request.on('close', onClose);
  });
}
