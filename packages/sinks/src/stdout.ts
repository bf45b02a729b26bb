import type { Writable } from 'node:stream';
import { PointLines } from '@weir/common/line-encode';
import type { PointShape } from '@weir/common/point-shape';
import type { StdoutSpec } from '@weir/common/sink-url';
import { linesText, pointsText } from './line-text.ts';
import { type LinesResult, type Sink, SinkError, type SinkPoint, type SinkWindow, type WriteResult } from './sink.ts';

/** A sink that prints line protocol on a stream it does not own. A write resolves once the stream took the lines. */
export class StdoutSink implements Sink {
  readonly name: string;
  readonly readable = false;
  readonly #lines: PointLines;
  readonly #stream: Writable;
  /** A closed pipe is reported to the write that met it; without a listener the event would end the process. */
  readonly #onError = (): void => undefined;

  constructor({ name }: StdoutSpec, stream: Writable, shape: PointShape) {
    this.name = name;
    this.#lines = new PointLines(shape);
    this.#stream = stream;
    stream.on('error', this.#onError);
  }

  async write(window: SinkWindow, points: readonly SinkPoint[], signal?: AbortSignal): Promise<WriteResult> {
    await this.#print(pointsText(this.#lines, window, points), signal);
    return { rejected: [] };
  }

  async writeLines(lines: readonly string[], signal?: AbortSignal): Promise<LinesResult> {
    const { text, rejected } = linesText(lines);
    await this.#print(text, signal);
    return { rejected };
  }

  async read(): Promise<never> {
    throw new Error('stdout cannot be read');
  }

  async close(): Promise<void> {
    this.#stream.off('error', this.#onError);
  }

  async #print(text: string, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) {
      throw new SinkError('sink-aborted', `sink ${this.name}: write was called off`, { outcome: 'not-applied' });
    }
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(text, (cause) => {
        if (!cause) return resolve();
        const line = `sink ${this.name}: the output is closed (${(cause as NodeJS.ErrnoException).code ?? cause.name})`;
        reject(new SinkError('sink-unavailable', line, { outcome: 'unknown', cause }));
      });
    });
  }
}
