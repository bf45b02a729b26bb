import { type CliOptions, runCli } from '@weir/cli/cli';
import type { View } from '@weir/cli/view';
import { systemClock } from '@weir/common/clock';

export interface WeirResult {
  code: number;
  out: string;
  err: string;
}

/** `weir …` within this process, as no terminal in UTC unless told; nothing of the real environment reaches it. */
export async function weir(argv: readonly string[], world: Partial<CliOptions> = {}): Promise<WeirResult> {
  let [out, err] = ['', ''];
  const code = await runCli({
    argv,
    env: {},
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    readFile: (path) => {
      throw Object.assign(new Error(`no ${path} in this test`), { code: 'ENOENT' });
    },
    clock: systemClock,
    stopping: new AbortController().signal,
    timeZone: 'UTC',
    terminal: { isTty: false, size: () => ({ columns: 80, rows: 24 }) },
    errTerminal: { isTty: false, size: () => ({ columns: 80, rows: 24 }) },
    input: { isTty: true, open: () => Promise.reject(new Error('no input in this test')) },
    ask: undefined,
    version: '1.2.3',
    ...world,
  });
  return { code, out, err };
}

/** A table without colours, once, in UTC. */
export const PLAIN_VIEW: View = {
  format: 'table',
  wide: false,
  timeZone: 'UTC',
  paint: (text) => text,
  watchMs: undefined,
};
