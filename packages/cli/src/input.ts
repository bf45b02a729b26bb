import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { WeirError } from '@weir/common/errors';
import type { Input, OpenInput } from './command-context.ts';

/** Files, and what is piped in, as they come. */
const READ_BYTES = 512 * 1024;

export function inputOf(stdin: Readable & { isTTY?: boolean }): Input {
  return {
    isTty: stdin.isTTY === true,
    open: async (path) => (path === undefined ? opened(stdin, undefined) : openFile(path)),
  };
}

async function openFile(path: string): Promise<OpenInput> {
  try {
    const file = await open(path);
    const stat = await file.stat();
    const stream = file.createReadStream({ highWaterMark: READ_BYTES });
    return opened(stream, stat.isFile() ? stat.size : undefined);
  } catch (error) {
    throw unreadable(error);
  }
}

function opened(stream: Readable, totalBytes: number | undefined): OpenInput {
  let closed = false;
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of stream) yield chunk as Buffer;
    } catch (error) {
      // Closed while somebody waits for more: that is the end of it.
      if (!closed) throw unreadable(error);
    }
  }
  const close = () => {
    closed = true;
    stream.destroy();
  };
  return { chunks: chunks(), totalBytes, close };
}

/** What the system says of a file, and nothing else: a bug of ours has no code. */
function unreadable(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  return new WeirError('input-unreadable', `the input cannot be read: ${message}`, false, { cause: error });
}
