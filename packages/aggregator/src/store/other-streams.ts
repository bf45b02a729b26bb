import { partitionKeys } from '@weir/common/keys';
import { Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/** The streams of other lines, one per partition, with a consumer group per sink. Calls reject with a RedisFault. */
export interface OtherStreamsOptions {
  redis: Redis;
  prefix: string;
  /** Names of the sinks that are looked at, which are those of their groups. */
  sinks: readonly string[];
}

export interface OtherStreamLook {
  entries: number;
  bytes: number;
  /** In the order of the sinks. */
  sinks: readonly { waitingLines: number; droppedLines: number }[];
}

const TRIM = Script.beside(import.meta.url, 'trim');
const LOOK = Script.beside(import.meta.url, 'other-look');

export class OtherStreams {
  readonly #options: OtherStreamsOptions;

  constructor(options: OtherStreamsOptions) {
    this.#options = options;
  }

  /** Removes what all of these sinks are done with; nothing as long as one of them has no group yet. */
  async trim(partition: number, sinks: readonly string[]): Promise<number> {
    const { redis, prefix } = this.#options;
    const { others, base } = partitionKeys(prefix, partition);
    // The script also clears marks of suspects; there are none of other lines.
    return (await TRIM.run(redis, [others, `${base}other-suspects`], sinks)) as number;
  }

  /** See other-look.lua. */
  async look(partition: number): Promise<OtherStreamLook> {
    const { redis, prefix, sinks } = this.#options;
    const { others, otherCounters } = partitionKeys(prefix, partition);
    const reply = await LOOK.run(redis, [others, otherCounters], sinks);
    const [entries, bytes, groups] = reply as [number, number, [number, number][]];
    return {
      entries,
      bytes,
      sinks: groups.map(([waitingLines, droppedLines]) => ({ waitingLines, droppedLines })),
    };
  }
}
