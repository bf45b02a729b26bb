import { Worker } from 'node:worker_threads';
import type { Schedules, SchedulesOutcome } from './schedules.ts';

/**
 * Runs seeds on several threads, a few hundred at a time. What a seed does is the same wherever it runs; where more than one
 * breaks a guarantee, the lowest of those found is told.
 */
export interface WorkersOptions extends Schedules {
  jobs: number;
  onProgress: (ran: number) => void;
}

const SEEDS_AT_ONCE = 250;

export async function runOnWorkers(options: WorkersOptions): Promise<SchedulesOutcome> {
  const { from, seeds, jobs, onProgress, ...rest } = options;
  const sum = { ran: 0, events: 0, violated: undefined as SchedulesOutcome['violated'], trace: [] };
  let next = from;
  const work = async () => {
    const worker = new Worker(new URL('./worker.js', import.meta.url));
    try {
      while (next < from + seeds && !sum.violated) {
        const part = { ...rest, from: next, seeds: Math.min(SEEDS_AT_ONCE, from + seeds - next) };
        next += part.seeds;
        const { ran, events, violated } = await ask(worker, part);
        sum.ran += ran;
        sum.events += events;
        const first = sum.violated as SchedulesOutcome['violated'];
        if (violated && (!first || violated.seed < first.seed)) sum.violated = violated;
        onProgress(sum.ran);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, Math.ceil(seeds / SEEDS_AT_ONCE)) }, work));
  return sum;
}

function ask(worker: Worker, schedules: Schedules): Promise<SchedulesOutcome> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      worker.off('message', onMessage);
      worker.off('error', onError);
    };
    const onMessage = (outcome: SchedulesOutcome) => {
      settle();
      resolve(outcome);
    };
    const onError = (error: Error) => {
      settle();
      reject(error);
    };
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.postMessage(schedules);
  });
}
