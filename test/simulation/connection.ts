import { RedisFault } from '@weir/common/redis-fault';
import type { Faults } from './faults.ts';
import type { SimRedis } from './redis/sim-redis.ts';
import type { SimProcess } from './sim-process.ts';

/**
 * A process's connection to the simulated Redis, with what connections do: commands arrive in order, replies come back or
 * do not, and when it breaks nobody knows which of the commands under way were or will be carried out.
 */
interface Flight {
  /** The process has heard of it. */
  settled: boolean;
  /** It has been carried out, or never will be. */
  ended: boolean;
  /** It may be carried out although its connection is gone. */
  readonly outlives: boolean;
  readonly reject: (error: unknown) => void;
  /** Ends what the server does for it while it waits. */
  hangUp?: () => void;
}

/** One command: answers now or later. `onHangUp` says what the server has to do when the connection goes. */
export type Command<T> = (answer: (value: T) => void, onHangUp: (then: () => void) => void) => void;

/** What the ports ask of a connection. */
export interface Caller {
  call<T>(name: string, command: Command<T>): Promise<T>;
}

const LATENCY_MS = 2;
const SLOW_MS = 1_500;
const LATE_MS = 4_000;
const RECONNECT_MS = 200;

export class Connection implements Caller {
  readonly #process: SimProcess;
  readonly #redis: SimRedis;
  readonly #faults: Faults;
  #flights = new Set<Flight>();
  /** The process has not noticed yet. */
  #broken = false;
  #usableFromMs = 0;
  #arrivesMs = 0;
  #losses = 0;
  #onLost: () => void = () => undefined;

  constructor(process: SimProcess, redis: SimRedis, faults: Faults) {
    this.#process = process;
    this.#redis = redis;
    this.#faults = faults;
    process.onCrash(() => this.#hangUp(0.3));
    redis.onRestart(() => this.break());
  }

  /** How often it was lost, as far as the process has noticed. */
  get losses(): number {
    return this.#losses;
  }

  /** When the process notices. */
  onLost(then: () => void): void {
    this.#onLost = then;
  }

  call<T>(name: string, command: Command<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { world } = this.#process;
      if (world.nowMs < this.#usableFromMs) {
        this.#process.deliver(1, () => reject(unreachable('not connected')));
        return;
      }
      const fate = this.#broken ? 'request-lost' : this.#faults.command();
      if (fate !== 'done') world.say(() => `${this.#process.name}: ${name} is ${fate}`);
      const flight: Flight = { settled: false, ended: fate === 'request-lost', outlives: fate === 'late', reject };
      this.#flights.add(flight);
      const random = world.random;
      if (fate === 'request-lost' || fate === 'late') {
        world.after(random.between(0, 50), () => this.break());
      }
      if (fate === 'request-lost') return;
      const settle = (then: () => void) =>
        this.#process.deliver(random.between(0, LATENCY_MS), () => {
          if (flight.settled) return;
          flight.settled = true;
          this.#flights.delete(flight);
          then();
        });
      const answer = (value: T) => {
        flight.ended = true;
        if (fate === 'reply-lost') this.break();
        else settle(() => resolve(value));
      };
      const delayMs = this.#delayMs(fate);
      const { starts } = this.#redis;
      world.after(delayMs, () => {
        if (flight.ended || this.#redis.starts !== starts) return false;
        if (this.#redis.down) return this.break();
        if (fate === 'refused') {
          settle(() => reject(new RedisFault('redis-oom', 'OOM command not allowed', true, 'not-applied')));
          return false;
        }
        try {
          command(answer, (then) => {
            flight.hangUp = then;
          });
        } catch (error) {
          if (!(error instanceof RedisFault)) throw error;
          settle(() => reject(error));
        }
        return false;
      });
    });
  }

  /** The process notices a little later; whatever it sends until then is lost as well. */
  break(): false {
    if (this.#broken || !this.#process.alive) return false;
    this.#broken = true;
    this.#hangUp(0.5);
    const { world } = this.#process;
    this.#process.deliver(world.random.between(0, 20), () => {
      this.#broken = false;
      this.#losses++;
      this.#onLost();
      this.#usableFromMs = world.nowMs + world.random.between(0, RECONNECT_MS);
      this.#arrivesMs = 0;
      const flights = this.#flights;
      this.#flights = new Set();
      for (const flight of flights) {
        flight.settled = true;
        flight.reject(unreachable('the connection broke'));
      }
    });
    return false;
  }

  /** What is under way may still arrive; a server may hold on to a reader that is gone, until its time is up. */
  #hangUp(lost: number): void {
    const { random } = this.#process.world;
    for (const flight of this.#flights) {
      if (flight.hangUp && random.chance(0.8)) flight.hangUp();
      if (!flight.outlives && !flight.hangUp && random.chance(lost)) flight.ended = true;
    }
  }

  #delayMs(fate: string): number {
    const { world } = this.#process;
    if (fate === 'late') return world.random.between(0, LATE_MS);
    const arrives = world.nowMs + world.random.between(0, fate === 'slow' ? SLOW_MS : LATENCY_MS);
    this.#arrivesMs = Math.max(this.#arrivesMs, arrives);
    return this.#arrivesMs - world.nowMs;
  }
}

function unreachable(why: string): RedisFault {
  return new RedisFault('redis-unreachable', why, true, 'unknown');
}
