import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import { BodyPieces } from './body-pieces.ts';

/**
 * Reads the bodies of requests into memory, within two bounds: one for a single body, as it comes and as it decodes, one for
 * what all requests in hand decode to. A body that goes beyond is not read on; the connection stays usable for the
 * answer.
 */
export type BodyFault = 'too-large' | 'no-room' | 'bad-encoding' | 'bad-gzip' | 'cut-off';

export interface BodiesOptions {
  /** One body, as it comes and decoded. */
  bodyLimitBytes: number;
  /** All bodies in hand together, decoded. */
  inflightBytes: number;
}

export class Bodies {
  readonly #options: BodiesOptions;
  #inflightBytes = 0;

  constructor(options: BodiesOptions) {
    this.#options = options;
  }

  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  /** Reads the body and counts it as in hand until `use` is done with it. `maxBytes` where it is less than usual. */
  async hold<T>(
    request: IncomingMessage,
    use: (body: Buffer) => Promise<T> | T,
    maxBytes = this.#options.bodyLimitBytes,
  ): Promise<T | BodyFault> {
    const { inflightBytes } = this.#options;
    let reserved = 0;
    const reserve = (bytes: number): boolean => {
      if (this.#inflightBytes + bytes > inflightBytes) return false;
      this.#inflightBytes += bytes;
      reserved += bytes;
      return true;
    };
    try {
      const limits = { maxBytes: Math.min(maxBytes, this.#options.bodyLimitBytes), reserve };
      const body = await readBody(request, limits);
      return typeof body === 'string' ? body : await use(body);
    } finally {
      this.#inflightBytes -= reserved;
    }
  }
}

interface BodyLimits {
  maxBytes: number;
  /** Asks for so many bytes of what all requests may hold together. */
  reserve: (bytes: number) => boolean;
}

async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer | BodyFault> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() || 'identity';
  if (!['identity', 'gzip', 'x-gzip'].includes(encoding)) return 'bad-encoding';
  if (Number(request.headers['content-length'] ?? 0) > limits.maxBytes) return 'too-large';
  return collect(request, encoding !== 'identity', limits);
}

function collect(request: IncomingMessage, gzip: boolean, limits: BodyLimits): Promise<Buffer | BodyFault> {
  return new Promise((resolve) => {
    const pieces = new BodyPieces();
    let comeBytes = 0;
    const gunzip = gzip ? createGunzip() : undefined;
    const source = gunzip ? request.pipe(gunzip) : request;
    const finish = (result: Buffer | BodyFault) => {
      source.off('data', onData);
      source.off('end', onEnd);
      request.off('data', onCome);
      request.off('close', onClose);
      if (gunzip) {
        request.unpipe(gunzip);
        gunzip.destroy();
      }
      // What is left of the body is read and thrown away, so that the answer reaches a client that is still sending.
      request.resume();
      resolve(result);
    };
    // Much can decode to nothing, so what comes has the same bound.
    const onCome = (chunk: Buffer) => {
      comeBytes += chunk.length;
      if (comeBytes > limits.maxBytes) finish('too-large');
    };
    const onData = (chunk: Buffer) => {
      if (pieces.bytes + chunk.length > limits.maxBytes) finish('too-large');
      else if (!limits.reserve(chunk.length)) finish('no-room');
      else pieces.add(chunk);
    };
    const onEnd = () => finish(pieces.whole());
    const onClose = () => {
      if (!request.complete) finish('cut-off');
    };
    if (gunzip) request.on('data', onCome);
    source.on('data', onData);
    source.on('end', onEnd);
    gunzip?.on('error', () => finish('bad-gzip'));
    request.on('error', () => finish('cut-off'));
    request.on('close', onClose);
  });
}
