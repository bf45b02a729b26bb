import type { RelayState, Unsaid } from '@weir/common/daemon-state';
import type { RelayTotals } from '@weir/common/relay-counts';

/** What a relay says of itself (daemon-state.ts). Pure. */
export interface RelayStateSources {
  /** Redis's clock, and by how much this machine's is ahead of it; null: not known. */
  now: () => { redisMs: number; aheadMs: number | null };
  totals: () => RelayTotals;
  journal: () => RelayState['journal'];
  /** Infinity: nothing is owed. */
  owedSinceMs: () => number;
  udp: () => RelayState['udp'];
}

interface Moment {
  atMs: number;
  totals: RelayTotals;
}

/** Called about once a second, so that the recent past is some ten seconds. */
const MOMENTS = 11;

export class RelayStates {
  readonly #sources: RelayStateSources;
  readonly #moments: Moment[] = [];
  #lastDropMs: number | null = null;

  constructor(sources: RelayStateSources) {
    this.#sources = sources;
  }

  next(): Unsaid<RelayState> {
    const { now, totals, journal, owedSinceMs, udp } = this.#sources;
    const { redisMs, aheadMs } = now();
    const moment = { atMs: redisMs, totals: totals() };
    const before = this.#moments.at(-1) ?? moment;
    if (dropped(moment.totals) > dropped(before.totals)) this.#lastDropMs = Math.round(redisMs);
    this.#moments.push(moment);
    if (this.#moments.length > MOMENTS) this.#moments.shift();
    const owed = owedSinceMs();
    return {
      clockAheadMs: aheadMs === null ? null : Math.round(aheadMs),
      journal: journal(),
      owedSinceMs: Number.isFinite(owed) ? Math.max(0, Math.round(owed)) : null,
      udp: udp(),
      recent: recentOf(this.#moments[0]!, moment),
      lastDropMs: this.#lastDropMs,
    };
  }
}

const dropped = ({ datagramsDropped, kernelDrops }: RelayTotals): number => datagramsDropped + kernelDrops;

function recentOf(from: Moment, to: Moment): RelayState['recent'] {
  const more = (of: (totals: RelayTotals) => number) => Math.max(0, of(to.totals) - of(from.totals));
  return {
    ms: Math.max(0, Math.round(to.atMs - from.atMs)),
    received: more(({ received }) => received),
    rejected: more(({ rejected }) => Object.values(rejected).reduce((sum, lines) => sum + lines, 0)),
    datagrams: more(({ datagrams }) => datagrams),
    datagramsDropped: more(({ datagramsDropped }) => datagramsDropped),
    kernelDrops: more(({ kernelDrops }) => kernelDrops),
  };
}
