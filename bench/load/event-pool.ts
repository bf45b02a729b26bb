/**
 * The events that a load is made of, as request bodies that are built once. Before each send only the digits of the
 * timestamps are patched in place, so that every event is one of its own and the generator costs little beside what
 * it measures. Line i is of user and group i of a fixed number of pairs, stirred so that neighbours have little in common. Pure.
 */
export interface EventShape {
  groups: number;
  users: number;
  /** Different pairs of a user and a group; at least as many as users and groups, at most users × groups. */
  pairs: number;
}

/** How a system wants an event written; the same events to all of them. */
export type LineForm = (event: { eventType: string; product: string; user: string }) => {
  head: string;
  /** Whether a space and 19 digits of nanoseconds follow. */
  stamped: boolean;
};

/** As the examples in the README; the user is the field's value. */
export const weirLine: LineForm = ({ eventType, product, user }) => ({
  head: `event_type=${eventType},product=${product} value=${user}`,
  stamped: true,
});

export interface PoolOptions {
  shape: EventShape;
  form: LineForm;
  linesPerBody: number;
  /** The number of bodies is a multiple of this: each connection has bodies of its own, so none is patched under way. */
  connections: number;
}

const TIMESTAMP_DIGITS = 19;
const NANOS_DIGITS = 9;
/** Primes, of which one does not divide the number of pairs: lines that stand together are of pairs that do not. */
const STIRS = [7919, 7907];

export class EventPool {
  readonly bodies: readonly EventBody[];
  readonly shape: EventShape;
  readonly linesPerBody: number;
  readonly #stir: number;

  constructor({ shape, form, linesPerBody, connections }: PoolOptions) {
    const { groups, users, pairs } = shape;
    if (pairs < Math.max(groups, users) || pairs > groups * users) {
      throw new RangeError(`${groups} groups and ${users} users do not make ${pairs} pairs`);
    }
    this.shape = shape;
    this.#stir = STIRS.find((prime) => pairs % prime !== 0) ?? 1;
    this.linesPerBody = linesPerBody;
    const wanted = Math.ceil(pairs / linesPerBody);
    const count = Math.ceil(wanted / connections) * connections;
    this.bodies = Array.from({ length: count }, (_, body) => {
      const lines = Array.from({ length: linesPerBody }, (_, i) => form(this.eventOf(this.pairOf(body, i))));
      return new EventBody(lines);
    });
  }

  pairOf(body: number, line: number): number {
    return ((body * this.linesPerBody + line) * this.#stir) % this.shape.pairs;
  }

  groupOf(pair: number): number {
    const { groups, users, pairs } = this.shape;
    const round = Math.floor(pair / users);
    const rounds = Math.ceil(pairs / users);
    return ((pair % users) + round * Math.max(1, Math.floor(groups / rounds))) % groups;
  }

  eventOf(pair: number): { eventType: string; product: string; user: string } {
    return { ...groupName(this.groupOf(pair)), user: `user${pair % this.shape.users}` };
  }
}

export function groupName(group: number): { eventType: string; product: string } {
  return { eventType: `type${group % 10}`, product: `product${Math.floor(group / 10)}` };
}

export class EventBody {
  readonly bytes: Buffer;
  readonly lines: number;
  /** Where each line's timestamp begins; empty where events have none. */
  readonly #stampAt: Uint32Array;
  #sec = -1;

  constructor(lines: readonly { head: string; stamped: boolean }[]) {
    this.lines = lines.length;
    const stamped = lines[0]?.stamped === true;
    this.#stampAt = new Uint32Array(stamped ? lines.length : 0);
    const texts: string[] = [];
    let at = 0;
    for (const [i, { head }] of lines.entries()) {
      const text = stamped ? `${head} ${'0'.repeat(TIMESTAMP_DIGITS)}\n` : `${head}\n`;
      if (stamped) this.#stampAt[i] = at + head.length + 1;
      texts.push(text);
      at += text.length;
    }
    this.bytes = Buffer.from(texts.join(''), 'latin1');
  }

  /** Line i happened at `sec` and `nanos` + i; all of them within that second. */
  stamp(sec: number, nanos: number): void {
    const seconds = sec === this.#sec ? 0 : sec;
    this.#sec = sec;
    for (let i = 0; i < this.#stampAt.length; i++) {
      const at = this.#stampAt[i]!;
      if (seconds !== 0) writeDigits(this.bytes, at, TIMESTAMP_DIGITS - NANOS_DIGITS, seconds);
      writeDigits(this.bytes, at + TIMESTAMP_DIGITS - NANOS_DIGITS, NANOS_DIGITS, nanos + i);
    }
  }
}

/** Always so many digits: what an earlier number left there is overwritten. */
function writeDigits(bytes: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    bytes[i] = 48 + (rest - next * 10);
    rest = next;
  }
}
