import { EXIT, WeirError } from '@weir/common/errors';
import { type CommandContext, faultLine } from './command-context.ts';
import type { Format, View } from './view.ts';

/**
 * Prints what a command found in the format that the reader wants; with `--watch` looks and prints again and again until
 * it is stopped, also where Redis is away for a while: then that is said, and it goes on.
 */
export interface Shown {
  /** As its schema says. */
  report: object;
  /** The same for eyes. */
  text: (view: View) => string;
  /** What was found is a failure: said on stderr, exit 1. */
  fault?: WeirError;
}

const CLEAR_SCREEN = '\u001b[2J\u001b[3J\u001b[H';

/** Answers the exit code: of the last look where there were several. Rejects with the fault where there is one look only. */
export async function show(context: CommandContext, look: () => Promise<Shown>): Promise<number> {
  const { view, clock, stopping, name } = context;
  for (let looks = 0; ; looks++) {
    let fault: WeirError | undefined;
    try {
      const shown = await look();
      context.out(beforeNext(context, looks) + (await textOf(shown, view)));
      fault = shown.fault;
    } catch (error) {
      // What goes wrong at the very first look is to be told and not to be watched.
      if (looks === 0 || !(error instanceof WeirError)) throw error;
      fault = error;
    }
    if (view.watchMs === undefined && fault) throw fault;
    if (view.watchMs === undefined) return EXIT.done;
    if (fault) context.err(faultLine(name, fault));
    await clock.sleep(view.watchMs, stopping);
    if (stopping.aborted) return fault ? EXIT.failed : EXIT.done;
  }
}

async function textOf({ report, text }: Shown, view: View): Promise<string> {
  return view.format === 'json' || view.format === 'yaml' ? reportText(report, view.format) : text(view);
}

/** For machines. */
export async function reportText(report: object, format: Format): Promise<string> {
  if (format === 'yaml') return (await import('yaml')).stringify(report, { lineWidth: 0 });
  return `${JSON.stringify(report)}\n`;
}

/** JSON stands one report a line, YAML as documents; tables follow each other, or take each other's place on a terminal. */
function beforeNext({ view, terminal }: CommandContext, looks: number): string {
  if (view.format === 'json') return '';
  if (view.format === 'yaml') return looks === 0 ? '' : '---\n';
  if (terminal.isTty) return CLEAR_SCREEN;
  return looks === 0 ? '' : '\n';
}
