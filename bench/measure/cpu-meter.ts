import { readFileSync } from 'node:fs';
import { machineTicks, processTicks, TICKS_PER_SECOND } from './proc-stat.ts';
import { sum } from './statistics.ts';

/**
 * What a stretch of time cost, by kind of process, the load generator in this process among them, and how much of the
 * machine somebody else used meanwhile: figures of a machine that was not quiet are worth little.
 */
export type Processes = Readonly<Record<string, readonly { readonly pid: number }[]>>;

export interface CpuSpent {
  seconds: number;
  /** CPU seconds by kind of process. */
  cpu: ReadonlyMap<string, number>;
  generatorCpu: number;
  /** 0 to 1: the part of all processors that neither these processes nor this one used, and that was not idle. */
  othersShare: number;
}

export function startCpuMeter(processes: Processes): () => CpuSpent {
  const startedMs = performance.now();
  const before = cpuOf(processes);
  const ownBefore = process.cpuUsage();
  const familyBefore = familySeconds();
  const machineBefore = machineTicks(readFileSync('/proc/stat', 'latin1'));
  return () => {
    const seconds = (performance.now() - startedMs) / 1000;
    const own = process.cpuUsage(ownBefore);
    const generatorCpu = (own.user + own.system) / 1e6;
    const after = cpuOf(processes);
    const machine = machineTicks(readFileSync('/proc/stat', 'latin1'));
    const cpu = new Map([...after].map(([kind, total]) => [kind, total - (before.get(kind) ?? 0)]));
    const ours = familySeconds() - familyBefore + sum([...cpu.values()]);
    const busy = (machine.busy - machineBefore.busy) / TICKS_PER_SECOND;
    const all = (machine.all - machineBefore.all) / TICKS_PER_SECOND;
    return { seconds, cpu, generatorCpu, othersShare: all > 0 ? Math.max(0, busy - ours) / all : 0 };
  };
}

/**
 * The part of the machine that others used, 0 to 1, over a time at whose start and end no child of ours runs: what
 * children used is ours once they have ended.
 */
export function startMachineMeter(): () => number {
  const look = () => {
    const { busy, all } = machineTicks(readFileSync('/proc/stat', 'latin1'));
    return { others: busy - processTicks(readFileSync('/proc/self/stat', 'latin1')), all };
  };
  const before = look();
  return () => {
    const after = look();
    return after.all > before.all ? Math.max(0, after.others - before.others) / (after.all - before.all) : 0;
  };
}

/** Of this process and of the children that have ended: a sender of datagrams is one that comes and goes. */
function familySeconds(): number {
  return processTicks(readFileSync('/proc/self/stat', 'latin1')) / TICKS_PER_SECOND;
}

function cpuOf(processes: Processes): Map<string, number> {
  const seconds = ({ pid }: { pid: number }) =>
    processTicks(readFileSync(`/proc/${pid}/stat`, 'latin1')) / TICKS_PER_SECOND;
  return new Map(
    Object.entries(processes).map(([kind, list]) => [kind, list.reduce((sum, one) => sum + seconds(one), 0)]),
  );
}
