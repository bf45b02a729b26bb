import type { Logger } from '@weir/common/logger';
import { SinkError } from '@weir/sinks/sink';
import type { Observer, OpenWindow } from './observer.ts';
import { dueMs, type PublishTimes } from './publish-plan.ts';
import type { WindowWriter } from './window-writer.ts';

/**
 * Between the end of a window and its first flush lies the grace, in which there is nothing to write but already something
 * to read: what the sink holds of it. With very many series that takes InfluxDB as long as the write does, so it is read
 * then, and the first flush finds it known (WindowWriter.look). It saves time and nothing else: where it fails, or comes too
 * late, the flush reads for itself.
 */
export interface LookAheadOptions {
  sinkName: string;
  observer: Observer;
  writer: Pick<WindowWriter, 'look'>;
  times: PublishTimes;
  /** By Redis's clock. */
  nowMs: () => number;
  owns: (key: string) => boolean;
  logger: Logger;
}

export class LookAhead {
  readonly #options: LookAheadOptions;
  /** Windows that were looked at, whatever came of it. */
  readonly #looked = new Set<number>();

  constructor(options: LookAheadOptions) {
    this.#options = options;
  }

  /** Rejects with a RedisFault. */
  async runOnce(signal: AbortSignal): Promise<void> {
    const { observer, writer, nowMs, owns, sinkName, logger } = this.#options;
    for (const startSec of this.#looked) if (!observer.windows.has(startSec)) this.#looked.delete(startSec);
    for (const window of observer.windows.values()) {
      const { startSec } = window;
      if (signal.aborted) return;
      if (this.#looked.has(startSec) || !this.#waits(window, nowMs()) || !owns(`${sinkName}/${startSec}`)) continue;
      this.#looked.add(startSec);
      try {
        await writer.look(startSec, signal);
      } catch (error) {
        if (!(error instanceof SinkError)) throw error;
        logger.debug({ err: error, sink: sinkName, window: startSec }, 'what the sink holds could not be read ahead');
      }
    }
  }

  /** Redis lost data. */
  forget(): void {
    this.#looked.clear();
  }

  /** It has ended, and is neither due nor sealed yet. */
  #waits({ startSec, openedMs, partitions }: OpenWindow, nowMs: number): boolean {
    const { times, observer } = this.#options;
    if (observer.finals.has(startSec)) return false;
    if (nowMs < (startSec + times.windowSec) * 1000 || nowMs >= dueMs(startSec, openedMs, times)) return false;
    for (const published of partitions.values()) if (published !== undefined) return false;
    return true;
  }
}
