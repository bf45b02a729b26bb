import { parentPort, workerData } from 'node:worker_threads';
import { LibcSocket, loadLibc, MOST_DATAGRAMS, SystemCallError } from './libc-socket.ts';
import { CONTROL, type FromThread, type ThreadOptions } from './thread-messages.ts';
import { NoThreadReader } from './udp-reader.ts';

/**
 * The thread that reads datagrams: waits for the first, takes all that wait, and hands them to the event loop as one run of
 * lines. It never answers for a line, so what it holds when the process dies is lost as the kernel's buffer is.
 *
 * What the event loop has not looked at yet is bounded: then the thread waits, the kernel's buffer fills, and the kernel
 * drops and counts. So a loop that is busy costs memory up to the bound and then datagrams, in this order, and nobody else.
 */
/** How long a stop may have to wait for the thread. */
const LOOK_FOR_STOP_MS = 100;
/** Between two takings: at high rates datagrams gather, and cost a sixth of what they cost one by one. */
const GATHER_MS = 0.5;
const AFTER_FAULT_MS = 100;
/** Of one run of lines: the event loop has other things to do in between. */
const MOST_BYTES = 256 * 1024;
/** Taken after a stop, should they keep coming. */
const MOST_LAST_TAKINGS = 64;

const options = workerData as ThreadOptions;
const control = new Int32Array(options.control);
const post = (message: FromThread, transfer: ArrayBuffer[] = []) => parentPort!.postMessage(message, transfer);

const socket = open();
if (socket) {
  post({ kind: 'bound', socket: socket.bound() });
  while (Atomics.load(control, CONTROL.stop) === 0) {
    const taken = take(() => socket.receive());
    if (taken < MOST_DATAGRAMS) Atomics.wait(control, CONTROL.stop, 0, GATHER_MS);
  }
  for (let i = 0; i < MOST_LAST_TAKINGS && take(() => socket.receiveNow()) > 0; i++);
  socket.close();
  post({ kind: 'closed' });
}

function open(): LibcSocket | undefined {
  const { host, port, receiveBufferBytes } = options;
  try {
    return new LibcSocket(loadLibc(), { host, port, receiveBufferBytes, waitMs: LOOK_FOR_STOP_MS });
  } catch (error) {
    if (error instanceof NoThreadReader) post({ kind: 'unable', reason: error.message });
    else if (error instanceof SystemCallError) post({ kind: 'refused', syscall: error.syscall, code: error.code });
    else throw error;
    return undefined;
  }
}

/** How many it were. */
function take(receive: () => number): number {
  let datagrams: number;
  try {
    datagrams = receive();
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    post({ kind: 'fault', syscall: error.syscall, code: error.code });
    Atomics.wait(control, CONTROL.stop, 0, AFTER_FAULT_MS);
    return 0;
  }
  if (datagrams === 0) return 0;
  for (let from = 0; from < datagrams; ) {
    const { lines, to } = socket!.lines(from, datagrams, Math.min(MOST_BYTES, options.queueBytes));
    waitForRoom(lines.length);
    post({ kind: 'datagrams', lines, datagrams: to - from }, [lines.buffer]);
    from = to;
  }
  return datagrams;
}

function waitForRoom(bytes: number): void {
  for (;;) {
    const queued = Atomics.load(control, CONTROL.queued);
    // However large it is, one datagram alone always has room.
    if (queued === 0 || queued + bytes <= options.queueBytes) break;
    Atomics.wait(control, CONTROL.queued, queued);
  }
  Atomics.add(control, CONTROL.queued, bytes);
}
