/**
 * What Linux says in /proc/<pid>/stat and /proc/stat of CPU time, in clock ticks. Pure: takes the text of such a file.
 * A tick is a hundredth of a second on every machine that Linux runs Node on.
 */
export const TICKS_PER_SECOND = 100;

/** User and system time of a process, with the children it waited for: a Redis that rewrote its file did so in one. */
export function processTicks(stat: string): number {
  // The program's name stands in parentheses and may hold any character.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

export interface MachineTicks {
  busy: number;
  all: number;
}

/** Of all processors. What a hypervisor gave to others counts as busy. */
export function machineTicks(stat: string): MachineTicks {
  const [user, nice, system, idle, iowait, irq, softirq, steal] = stat
    .slice(0, stat.indexOf('\n'))
    .trim()
    .split(/\s+/)
    .slice(1, 9)
    .map(Number) as [number, number, number, number, number, number, number, number];
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, all: busy + idle + iowait };
}
