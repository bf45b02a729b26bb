import { partitionKeys } from '@weir/common/keys';
import { lookAtOtherBacklog, type OtherBacklog } from '@weir/common/other-backlog';
import { Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/** The streams of other lines, one per partition, with a consumer group per sink. Calls reject with a RedisFault. */
export interface OtherStreamsOptions {
  redis: Redis;
  prefix: string;
  /** Names of the sinks that are looked at, which are those of their groups. */
  sinks: readonly string[];
}

const TRIM = Script.beside(import.meta.url, 'trim');

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

  look(partition: number): Promise<OtherBacklog> {
    return lookAtOtherBacklog(this.#options, partition, this.#options.sinks);
  }
}
