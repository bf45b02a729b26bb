import type { IncomingMessage } from 'node:http';
import type { Access } from './access/access.ts';
import type { Token } from './access/tokens.ts';
import { type Answer, type ApiWords, REFUSED_BODIES, type Refusal, type Unit, WRITTEN } from './api/words.ts';
import type { WriteRequest } from './api/write-request.ts';
import type { AppendWaits } from './append-waits.ts';
import type { Bodies } from './body.ts';
import type { Intake, Taken } from './intake.ts';
import { type BrokenJson, mergeRead, type TranslatedEvents } from './json/json-events.ts';
import type { RelayCounts } from './relay-metrics.ts';

/**
 * What all write routes have in common, whatever API they are of. A request is answered 204, or 400 with the lines that
 * were rejected, only after every accepted line is in Redis or synced to the journal. Whoever is answered 503 may send
 * the same again, here or to another relay.
 */
export interface WriteDoorOptions {
  access: Access;
  intake: Intake;
  counts: RelayCounts;
  /** Why nothing can be taken now, as a sentence; undefined when something can. */
  refusal: () => string | undefined;
  bodies: Bodies;
  /** For lines to be durable. */
  waits: AppendWaits;
}

/** In which form a client writes, and is answered. */
export interface WriteForm {
  words: ApiWords;
  /** The lines that a body means which is not lines itself; undefined: this one is. */
  translate?: (body: Buffer) => TranslatedEvents | BrokenJson | undefined;
}

export class WriteDoor {
  readonly #options: WriteDoorOptions;

  constructor(options: WriteDoorOptions) {
    this.#options = options;
  }

  /** Undefined when the client is gone. */
  async take(
    request: IncomingMessage,
    asked: WriteRequest | { message: string },
    form: WriteForm,
  ): Promise<Answer | undefined> {
    const { access, refusal, bodies } = this.#options;
    const { words } = form;
    if ('message' in asked) return words.refused({ status: 400, message: asked.message });
    const early = refusal();
    if (early !== undefined) return words.refused({ status: 503, message: early });
    const token = access.tokenOf(request);
    const answer = await bodies.hold(request, (body) => this.#write(body, asked, token, form));
    if (answer === 'cut-off') return undefined;
    return typeof answer === 'string' ? words.refused(REFUSED_BODIES[answer]) : answer;
  }

  async #write(body: Buffer, asked: WriteRequest, token: Token | undefined, form: WriteForm): Promise<Answer> {
    const { words } = form;
    const taken = this.#take(body, asked, token, form);
    if ('status' in taken) return words.refused(taken);
    if (taken.accepted + taken.others > 0 && !(await this.#options.waits.inTime(taken.confirmed))) {
      return words.refused({ status: 503, message: 'not durable in time: send the same lines again' });
    }
    return taken.rejected > 0 ? words.partial(taken, taken.unit) : WRITTEN;
  }

  /** Takes the body whole or refuses it. Not async, so that nobody holds on to translated lines while waiting. */
  #take(
    body: Buffer,
    { precision, idempotencyKey }: WriteRequest,
    token: Token | undefined,
    { translate }: WriteForm,
  ): (Taken & { unit: Unit }) | Refusal {
    const { access, intake, counts, refusal } = this.#options;
    // Redis may have gone while the body came.
    const late = refusal();
    if (late !== undefined) return { status: 503, message: late };
    const tooFast = access.overRate(token);
    if (tooFast !== undefined) return tooFast;
    const translated = translate?.(body);
    if (translated !== undefined && 'broken' in translated) return { status: 400, message: translated.broken };
    const { lines } = translated ?? { lines: body };
    if (!intake.hasRoom(lines.length)) return { status: 503, message: 'the journal is full, or cannot be written' };
    const read = intake.take(lines, precision, idempotencyKey, token?.products);
    const taken = translated ? mergeRead(translated, read) : read;
    access.wrote(token, taken.accepted + taken.others + taken.rejected);
    counts.countLines('http', taken);
    return { ...taken, unit: translated ? 'item' : 'line' };
  }
}
