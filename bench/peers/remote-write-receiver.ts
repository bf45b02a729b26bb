import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cleanup } from '../../test/support/cleanup.ts';
import { readWriteRequest, uncompressSnappy, type WrittenSeries } from './remote-write.ts';

export interface RemoteWriteReceiver {
  url: string;
  /** Everything received so far, in order. */
  series: readonly WrittenSeries[];
}

/** Takes what a vmagent writes, on a loopback port of its own. */
export async function startRemoteWriteReceiver(): Promise<RemoteWriteReceiver> {
  const series: WrittenSeries[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      series.push(...readWriteRequest(uncompressSnappy(Buffer.concat(chunks))));
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup('the receiver of vmagent', () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/api/v1/write`, series };
}
