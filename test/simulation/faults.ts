import type { Random } from '@weir/common/random';

/** What may happen to one command on its way to Redis and back. */
export type CommandFate =
  | 'done'
  /** It never arrives, and the connection breaks. */
  | 'request-lost'
  /** It is carried out, and the connection breaks before the reply is back. */
  | 'reply-lost'
  /** The connection breaks, and it is carried out a good while later. */
  | 'late'
  /** It takes long, and all that follow on the connection wait. */
  | 'slow'
  /** Redis refuses it: memory is short, it is loading, it is a replica now. */
  | 'refused';

/** What may happen to one request to a sink. */
export type SinkFate =
  | 'done'
  | 'slow'
  /** Nothing arrived, and that is known. */
  | 'refused'
  /** Nobody knows; it did not arrive. */
  | 'lost'
  /** Nobody knows; it arrived, perhaps in part. */
  | 'reply-lost'
  /** Nobody knows; it arrives a good while later. */
  | 'late';

const COMMAND_FATES: readonly CommandFate[] = ['request-lost', 'reply-lost', 'late', 'slow', 'refused'];
const SINK_FATES: readonly SinkFate[] = ['slow', 'refused', 'lost', 'reply-lost', 'late', 'late'];

/** How bad the world is; nothing goes wrong once it has healed. */
export class Faults {
  readonly #random: Random;
  readonly #commandRate: number;
  readonly #sinkRate: number;
  readonly #sinkFates: readonly SinkFate[];
  #healed = false;

  constructor(
    random: Random,
    { commandRate, sinkRate, lateWrites }: { commandRate: number; sinkRate: number; lateWrites: boolean },
  ) {
    this.#random = random;
    this.#commandRate = commandRate;
    this.#sinkRate = sinkRate;
    this.#sinkFates = lateWrites ? SINK_FATES : SINK_FATES.filter((fate) => fate !== 'late');
  }

  get healed(): boolean {
    return this.#healed;
  }

  heal(): void {
    this.#healed = true;
  }

  command(): CommandFate {
    return this.#healed || !this.#random.chance(this.#commandRate) ? 'done' : this.#random.pick(COMMAND_FATES);
  }

  sink(): SinkFate {
    return this.#healed || !this.#random.chance(this.#sinkRate) ? 'done' : this.#random.pick(this.#sinkFates);
  }

  /** For things that may go wrong in a way of their own. */
  strikes(probability: number): boolean {
    return !this.#healed && this.#random.chance(probability);
  }
}
