import type { Faults } from './faults.ts';
import type { SimRelay } from './sim-relay.ts';
import type { Request, SimEvent } from './workload.ts';
import type { World } from './world.ts';

/**
 * The clients: each sends its request until a relay has answered that it took it, to one relay or the other, sometimes to
 * both, and gives up waiting after a while without knowing what became of it.
 */
const TIMEOUT_MS = 1_500;
const NETWORK_MS = 3;
const RETRY_MS = 300;

export class Clients {
  /** Events that were sent at least once, and events in requests that were answered 2xx. */
  readonly sent = new Set<SimEvent>();
  readonly acked = new Set<SimEvent>();
  readonly #world: World;
  readonly #faults: Faults;
  readonly #relays: readonly SimRelay[];
  #waiting: number;

  /** `relays` as they are at the moment: a relay that was started anew takes the place of the one before. */
  constructor(world: World, faults: Faults, relays: readonly SimRelay[], requests: readonly Request[]) {
    this.#world = world;
    this.#faults = faults;
    this.#relays = relays;
    this.#waiting = requests.length;
    for (const request of requests) this.#start(request);
  }

  /** Every request was answered. */
  get done(): boolean {
    return this.#waiting === 0;
  }

  #start(request: Request): void {
    let answered = false;
    const { random } = this.#world;
    const acknowledge = () => {
      if (answered) return;
      answered = true;
      this.#waiting--;
      for (const event of request.events) this.acked.add(event);
    };
    const attempt = (relay: number) => {
      if (answered) return false;
      let open = true;
      const again = (delayMs: number) =>
        this.#world.after(delayMs, () => {
          if (!open) return false;
          open = false;
          return attempt(1 - relay);
        });
      this.#send(request, relay, (accepted) => {
        if (accepted) acknowledge();
        else again(random.between(0, RETRY_MS));
      });
      if (this.#faults.strikes(0.2)) this.#send(request, 1 - relay, (accepted) => accepted && acknowledge());
      again(TIMEOUT_MS);
      return false;
    };
    this.#world.after(request.atMs, () => attempt(random.integer(0, 1)));
  }

  #send(request: Request, at: number, answer: (accepted: boolean) => void): void {
    const { random } = this.#world;
    if (this.#faults.strikes(0.05)) return;
    const reply = (accepted: boolean) => {
      if (this.#faults.strikes(0.05)) return;
      this.#world.after(random.between(0, NETWORK_MS), () => {
        answer(accepted);
        return false;
      });
    };
    this.#world.after(random.between(0, NETWORK_MS), () => {
      const relay = this.#relays[at]!;
      if (!relay.process.alive) {
        reply(false);
        return false;
      }
      relay.process.deliver(0, () => {
        for (const event of request.events) this.sent.add(event);
        relay.take(request.body, reply);
      });
      return false;
    });
  }
}
