import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { systemClock } from '@weir/common/clock';
import { runCli } from './cli.ts';
import { inputOf } from './input.ts';
import { takeOverTerminal } from './terminal.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Shells say so of whoever ended by Ctrl-C. */
const EXIT_INTERRUPTED = 130;
/** What goes on and on ends by itself when it is told to; what does not is cut. */
const STOP_MS = 500;
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopping.abort();
    // A command that has ended has its own code, though a timer of some lost connection may keep the process.
    setTimeout(() => process.exit(process.exitCode ?? EXIT_INTERRUPTED), STOP_MS).unref();
  });
}

// `weir lag --watch | head` closes the pipe early: that is no fault of ours, and nobody reads on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  stopping.abort();
});

/** On stderr, as stdout may go elsewhere. Without readline's own editing, which would take Ctrl-C for itself. */
async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  try {
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    return await Promise.race([lines.question(question), ended]);
  } finally {
    lines.close();
  }
}

process.exitCode = await runCli({
  argv: process.argv.slice(2),
  env: process.env,
  out: (text) => process.stdout.write(text),
  drained: async () => {
    if (!process.stdout.writableNeedDrain) return;
    await once(process.stdout, 'drain', { signal: stopping.signal }).catch((error: unknown) => {
      if (!stopping.signal.aborted) throw error;
    });
  },
  err: (text) => process.stderr.write(text),
  readFile: (path) => readFileSync(path, 'utf8'),
  clock: systemClock,
  stopping: stopping.signal,
  timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  terminal: {
    isTty: process.stdout.isTTY === true,
    // Zero: nobody told the terminal.
    size: () => ({ columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 }),
    takeOver: process.stdin.isTTY && process.stdout.isTTY ? takeOverTerminal(process) : undefined,
  },
  errTerminal: {
    isTty: process.stderr.isTTY === true,
    size: () => ({ columns: process.stderr.columns || 80, rows: process.stderr.rows || 24 }),
  },
  input: inputOf(process.stdin),
  ask: process.stdin.isTTY && process.stderr.isTTY ? ask : undefined,
  version,
});
