import { Random } from '@weir/common/random';
import { nanosText } from '../sending/prepare-lines.ts';
import { Zipf } from './zipf.ts';

/**
 * Made-up events: a function of the seed, but for the time that the caller gives. Each carries its number in the field `id`, so
 * no two of them are the same event, whatever their timestamps; and each says by its product that nobody did this. Pure.
 */
export interface MadeEventsOptions {
  seed: number;
  /** Products are named so, with a number behind it. */
  productPrefix: string;
  products: number;
  types: number;
  users: number;
  /** How much more often the first users come than the last ones; 0: all alike. */
  zipf: number;
  /** Shares of the events, exact: of a hundred, five are late if it is 0.05. */
  duplicates: number;
  late: number;
  /** Events happened within so long before now; late ones `lateByMs` earlier. */
  spreadMs: number;
  lateByMs: number;
}

export interface MadeEvent {
  line: string;
  /** It is to be sent again. */
  again: boolean;
  late: boolean;
}

export class MadeEvents {
  readonly #options: MadeEventsOptions;
  readonly #random: Random;
  readonly #zipf: Zipf;
  readonly #duplicates: Share;
  readonly #late: Share;
  #made = 0;

  constructor(options: MadeEventsOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#zipf = new Zipf(options.users, options.zipf);
    this.#duplicates = new Share(options.duplicates);
    this.#late = new Share(options.late);
  }

  /** `nowMs`: Unix milliseconds. */
  next(nowMs: number): MadeEvent {
    const { seed, productPrefix, products, types, spreadMs, lateByMs } = this.#options;
    const random = this.#random;
    const i = this.#made++;
    const group = `event_type=type-${random.integer(1, types)},product=${productPrefix}${random.integer(1, products)}`;
    const user = this.#zipf.draw(random);
    const isLate = this.#late.falls();
    const ms = nowMs - random.fraction() * spreadMs - (isLate ? lateByMs : 0);
    const sec = Math.floor(ms / 1_000);
    const time = nanosText(sec, Math.floor((ms - sec * 1_000) * 1_000_000));
    return {
      line: `${group} value=user-${user},id=${seed}-${i} ${time}`,
      again: this.#duplicates.falls(),
      late: isLate,
    };
  }
}

/** Spreads a share evenly and, counted in whole parts, exactly. */
class Share {
  readonly #parts: number;
  #owed = 0;

  constructor(share: number) {
    this.#parts = Math.round(share * WHOLE);
  }

  falls(): boolean {
    this.#owed += this.#parts;
    if (this.#owed < WHOLE) return false;
    this.#owed -= WHOLE;
    return true;
  }
}

/** Of a share with six digits behind the percents' point. */
const WHOLE = 100_000_000;
