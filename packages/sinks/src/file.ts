import { type FileHandle, open } from 'node:fs/promises';
import { PointLines } from '@weir/common/line-encode';
import type { PointShape } from '@weir/common/point-shape';
import type { FileSpec } from '@weir/common/sink-url';
import { linesText, pointsText } from './line-text.ts';
import { type LinesResult, type Sink, SinkError, type SinkPoint, type SinkWindow, type WriteResult } from './sink.ts';

/**
 * A sink that appends line protocol to a file: the last line of a series and timestamp is the one that holds. Lines are
 * on disk before a write resolves. The file is opened for each write, so that it can be rotated under a running process.
 */
export class FileSink implements Sink {
  readonly name: string;
  readonly readable = false;
  readonly #lines: PointLines;
  readonly #path: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ name, path }: FileSpec, shape: PointShape) {
    this.name = name;
    this.#lines = new PointLines(shape);
    this.#path = path;
  }

  async write(window: SinkWindow, points: readonly SinkPoint[], signal?: AbortSignal): Promise<WriteResult> {
    await this.#inTurn(pointsText(this.#lines, window, points), signal);
    return { rejected: [] };
  }

  async writeLines(lines: readonly string[], signal?: AbortSignal): Promise<LinesResult> {
    const { text, rejected } = linesText(lines);
    await this.#inTurn(text, signal);
    return { rejected };
  }

  async read(): Promise<never> {
    throw new Error('a file sink cannot be read');
  }

  async close(): Promise<void> {
    await this.#last;
  }

  /** One after the other: the lines of two writes must not be cut into each other. */
  async #inTurn(text: string, signal: AbortSignal | undefined): Promise<void> {
    const turn = this.#last.then(() => this.#append(text, signal));
    this.#last = turn.catch(() => undefined);
    await turn;
  }

  async #append(text: string, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) {
      throw new SinkError('sink-aborted', `sink ${this.name}: write was called off`, { outcome: 'not-applied' });
    }
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path, 'a+');
      await file.appendFile((await endsInTheMiddle(file)) ? `\n${text}` : text);
      await file.sync();
    } catch (cause) {
      const line = `sink ${this.name}: cannot append to ${this.#path} (${(cause as NodeJS.ErrnoException).code})`;
      throw new SinkError('sink-unavailable', line, { outcome: file ? 'unknown' : 'not-applied', cause });
    } finally {
      await file?.close();
    }
  }
}

/** A full disk or a crash may have cut the last line; ours must not become its end. */
async function endsInTheMiddle(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 && buffer[0] !== 10;
}
