import { parentPort } from 'node:worker_threads';
import { runSchedules, type Schedules } from './schedules.ts';

/** Runs the schedules it is given, one message after the other, for workers.ts. */
const port = parentPort!;
port.on('message', (schedules: Schedules) => {
  runSchedules(schedules).then(
    (outcome) => port.postMessage(outcome),
    (error) => {
      throw error;
    },
  );
});
