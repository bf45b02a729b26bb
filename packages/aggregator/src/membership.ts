import { ownerOf } from '@weir/common/assignment';
import type { Clock, RedisTime } from '@weir/common/clock';
import { SettingsError } from '@weir/common/errors';
import { type FreeId, outwaitPredecessor } from '@weir/common/live-id';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault } from '@weir/common/redis-fault';
import type { Service } from '@weir/common/service';
import type { Heartbeats } from './store/heartbeats.ts';

/**
 * Who is alive: every aggregator writes a heartbeat into Redis each second and reads everybody else's. From the ids that
 * are alive follows who reads which partition and who writes which window; it saves work and guarantees nothing. Here
 * is also noticed, within a second, that Redis lost data, and that another process took this id.
 */
export interface MembershipOptions {
  heartbeats: Heartbeats;
  id: string;
  /** Random, of this process's start: 16 hex digits. */
  incarnation: string;
  clock: Clock;
  time: RedisTime;
  /** Redis lost data: whatever was learned from it may no longer be so. */
  onRollback: (nowMs: number) => void;
  /** Redis's clock moved against ours by this much, in milliseconds. */
  onClockJump: (jumpMs: number) => void;
  /** Called with a SettingsError when another process took this id, or with a bug. */
  fail: (error: unknown) => void;
  logger: Logger;
  times?: MembershipTimes;
}

export interface MembershipTimes {
  beatEveryMs: number;
  /** Without a heartbeat for this long an aggregator counts as dead. */
  deadAfterMs: number;
}

export interface Member {
  id: string;
  incarnation: string;
  startedMs: number;
  lastMs: number;
}

export const MEMBERSHIP_TIMES: MembershipTimes = { beatEveryMs: 1_000, deadAfterMs: 5_000 };
const FORGET_AFTER_MS = 24 * 3_600_000;
const CLOCK_JUMP_MS = 5_000;

export class Membership implements Service {
  readonly #options: MembershipOptions;
  readonly #times: MembershipTimes;
  readonly #loop: Loop;
  readonly #stopping = new AbortController();
  #members: Member[] = [];
  #startedMs = 0;
  #beat = 0;
  #confirmedBeat = 0;
  #lastBeatAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#times = options.times ?? MEMBERSHIP_TIMES;
    this.#loop = new Loop({
      clock: options.clock,
      intervalMs: this.#times.beatEveryMs,
      runOnce: async () => {
        if (!(await this.#heartbeat())) throw idTaken(options.id);
      },
      onError: (error) => this.#onError(error),
    });
  }

  /** Waits for a crashed predecessor of this id to be forgotten; rejects with a SettingsError when it is alive. */
  async start(): Promise<void> {
    while (!this.#stopping.signal.aborted && !(await this.#begin()));
    if (!this.#stopping.signal.aborted) await this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop.stop();
    if (this.#confirmedBeat === 0) return;
    const { heartbeats, id, logger } = this.#options;
    try {
      await heartbeats.signOff(id);
    } catch (error) {
      logger.warn({ err: error }, 'could not sign off; others will notice within seconds');
    }
  }

  /** Whether Redis confirmed a heartbeat recently enough for others to count this process as alive. */
  get present(): boolean {
    return this.#options.clock.monotonicMs() - this.#lastBeatAtMs < this.#times.deadAfterMs;
  }

  /** As of the last heartbeat, this process among them. Sorted by id. */
  get members(): readonly Member[] {
    return this.#members;
  }

  get ids(): readonly string[] {
    return this.#members.map(({ id }) => id);
  }

  get incarnations(): readonly string[] {
    return this.#members.map(({ incarnation }) => incarnation);
  }

  /** Whether the key (a partition, a sink's window) is this process's to work on. */
  owns(key: string | number): boolean {
    return ownerOf(key, this.ids) === this.#options.id;
  }

  /**
   * False where it has to be tried again: something changed since it was read, because somebody's last word came late or
   * he is alive; or Redis did not answer, and perhaps has the beat.
   */
  async #begin(): Promise<boolean> {
    try {
      const { standing, sinceMs } = await this.#outwaitPredecessor();
      this.#startedMs = sinceMs;
      return await this.#heartbeat(standing);
    } catch (error) {
      if (!passingFault(error)) throw error;
      this.#onError(error);
      await this.#options.clock.sleep(this.#times.beatEveryMs, this.#stopping.signal);
      return false;
    }
  }

  async #outwaitPredecessor(): Promise<FreeId> {
    const { heartbeats, id, incarnation, clock, logger } = this.#options;
    const outcome = await outwaitPredecessor({
      read: () => heartbeats.standing(id),
      parse: (text) => parseMember(id, text),
      redisNowMs: () => heartbeats.nowMs(),
      incarnation,
      clock,
      deadAfterMs: this.#times.deadAfterMs,
      lookEveryMs: this.#times.beatEveryMs,
      onWait: () => logger.info({ id }, 'this id was in use a moment ago; waiting whether it still is'),
      stopping: this.#stopping.signal,
    });
    if (outcome === 'alive') throw idTaken(id);
    return outcome;
  }

  /** False when the id is another's. `standing`, at the first beat: what stood under the id. */
  async #heartbeat(standing?: string): Promise<boolean> {
    const { heartbeats, id, incarnation, clock, time, onClockJump } = this.#options;
    const { deadAfterMs } = this.#times;
    const sentMs = clock.monotonicMs();
    const beat = ++this.#beat;
    const said = { id, incarnation, startedMs: this.#startedMs, beat, deadAfterMs, forgetAfterMs: FORGET_AFTER_MS };
    const reply = await heartbeats.beat(standing === undefined ? said : { ...said, standing });
    if (reply.kind === 'taken') return false;
    const { nowMs, previous, fields } = reply;
    this.#lastBeatAtMs = clock.monotonicMs();
    const jumpMs = time.observe(nowMs, this.#lastBeatAtMs - sentMs);
    if (Math.abs(jumpMs) > CLOCK_JUMP_MS) onClockJump(jumpMs);
    this.#judgePrevious(previous, nowMs);
    this.#confirmedBeat = beat;
    const members: Member[] = [];
    for (const [each, field] of fields) {
      const member = parseMember(each, field);
      if (member && nowMs - member.lastMs < deadAfterMs) members.push(member);
    }
    this.#members = members.sort((a, b) => (a.id < b.id ? -1 : 1));
    return true;
  }

  /** A beat that Redis confirmed and no longer has means that Redis went back in time, perhaps to a predecessor's. */
  #judgePrevious(previous: string, nowMs: number): void {
    if (this.#confirmedBeat === 0) return;
    const [, incarnation, beat] = /^(\S+) .* (\d+)$/.exec(previous) ?? [];
    const own = incarnation === this.#options.incarnation;
    if (!own || Number(beat) < this.#confirmedBeat) this.#options.onRollback(nowMs);
  }

  #onError(error: unknown): void {
    const { fail, logger } = this.#options;
    const fault = passingFault(error);
    if (fault) logger.warn({ err: fault }, 'no heartbeat: Redis did not answer');
    else fail(error);
  }
}

function idTaken(id: string): SettingsError {
  return new SettingsError(`--id ${id}: another live aggregator has this id; expected one of its own for each process`);
}

function parseMember(id: string, field: string): Member | undefined {
  const match = /^(\S+) (\d+) (\d+) (\d+)$/.exec(field);
  if (!match) return undefined;
  return { id, incarnation: match[1]!, startedMs: Number(match[2]), lastMs: Number(match[3]) };
}
