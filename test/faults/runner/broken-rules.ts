import type { Rewriter } from './proxies/redis-proxy.ts';
import { type KnownScript, withoutRule } from './proxies/scripts.ts';

/**
 * Rules that can be broken on purpose, to see the runner notice. Nothing in the product knows of it: it is done from
 * outside, with settings that lift a rule, or by proxies that send another script than the daemon asked for.
 */
export interface BrokenRule {
  name: string;
  what: string;
  /** What the runner must report: the names of the rules of the verdict, any of them. */
  reports: readonly string[];
  /** The fault under which the rule is missed. */
  fault: string;
  sinkParameters: string;
  aggregatorSettings: readonly string[];
  rewriter(scripts: readonly KnownScript[]): Rewriter | undefined;
}

export const BROKEN_RULES: readonly BrokenRule[] = [
  {
    name: 'ack-before-fold',
    what: 'entries are acknowledged as they are read (NOACK), and a fold no longer asks whether they are pending',
    reports: ['lost'],
    fault: 'aggregator-kill-before-fold',
    sinkParameters: '',
    aggregatorSettings: [],
    rewriter: (scripts) => {
      const fold = scripts.find(({ name }) => name === 'fold')!;
      const broken = withoutRule(fold, 'if #notPending > 2 then', 'if false then');
      return (name, args) => {
        if (name === 'xreadgroup') return withNoAck(args());
        return name === 'fold' ? asScript(args(), broken) : undefined;
      };
    },
  },
  {
    name: 'no-identity',
    what: 'aggregators run with --identity arrival: nobody looks whether an event was counted before',
    reports: ['over-counted'],
    fault: 'duplicate-storm',
    sinkParameters: '',
    aggregatorSettings: ['--identity', 'arrival'],
    rewriter: () => undefined,
  },
  {
    name: 'no-settle',
    what: 'sinks are never read back (readback=off): neither before a write, nor when a window is settled or looked at again',
    reports: ['shrunk', 'lost', 'unequal'],
    fault: 'sink-late-write',
    sinkParameters: '&readback=off',
    aggregatorSettings: [],
    rewriter: () => undefined,
  },
];

function withNoAck(args: Buffer[]): Buffer[] {
  // XREADGROUP GROUP group consumer …: options may stand in any order before STREAMS.
  return [...args.slice(0, 4), Buffer.from('NOACK'), ...args.slice(4)];
}

/** As EVAL, always: no server needs to know the script. */
function asScript(args: Buffer[], { source }: KnownScript): Buffer[] {
  return [Buffer.from('EVAL'), Buffer.from(source), ...args.slice(2)];
}
