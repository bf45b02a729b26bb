import type { Clock } from '@weir/common/clock';
import { WeirError } from '@weir/common/errors';
import type { CommandSpec } from './command-spec.ts';
import type { Flags } from './flags.ts';
import type { View } from './view.ts';

/** Everything outside that a command may touch, Redis apart. `main.ts` hands in the real one. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** To stdout. */
  readonly out: (text: string) => void;
  /** Resolves once stdout has taken what was written, or is gone. Undefined: it takes all at once. */
  readonly drained?: () => Promise<void>;
  /** To stderr. */
  readonly err: (text: string) => void;
  /** Throws when the file cannot be read. */
  readonly readFile: (path: string) => string;
  readonly clock: Clock;
  /** Aborted at SIGINT and SIGTERM: what goes on and on ends then, and soon. */
  readonly stopping: AbortSignal;
  /** The reader's, as `Intl` names it. */
  readonly timeZone: string;
  readonly terminal: Terminal;
  /** Where stderr goes. */
  readonly errTerminal: Terminal;
  readonly input: Input;
  /** Asks the person at the terminal; '' at the end of input. Undefined where nobody can be asked. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
}

/** Lines to work on. */
export interface Input {
  /** Whether stdin is a person. */
  readonly isTty: boolean;
  /** A file, or stdin where no path is given. Rejects with a WeirError when it cannot be read; so does reading. */
  readonly open: (path: string | undefined) => Promise<OpenInput>;
}

export interface OpenInput {
  readonly chunks: AsyncIterable<Buffer>;
  /** Undefined where nobody knows before the end. */
  readonly totalBytes: number | undefined;
  /** Ends `chunks`, also while somebody waits for one. */
  readonly close: () => void;
}

/** Where stdout goes. */
export interface Terminal {
  readonly isTty: boolean;
  /** At this moment. */
  readonly size: () => { columns: number; rows: number };
  /** Undefined where there is no person at it: input or output is a pipe. */
  readonly takeOver?: TakeOver | undefined;
}

/** The whole screen, and every key before anybody else, until it is given back. */
export type TakeOver = (events: TakenOverEvents) => TakenOver;

export interface TakenOverEvents {
  /** As the terminal sends them: several at a time perhaps, some of them several bytes long. */
  readonly keys: (bytes: string) => void;
  /** What was drawn is not there any more: the size changed, or the program was stopped and goes on. */
  readonly redraw: () => void;
  /** Nobody is there any more. */
  readonly gone: () => void;
}

export interface TakenOver {
  readonly write: (text: string) => void;
  /** The terminal is as it was before. Again: does nothing. */
  readonly giveBack: () => void;
}

/** What a command gets. */
export interface CommandContext extends World {
  /** Of the command: `lag`, `sink add`. */
  readonly name: string;
  /** All there are. */
  readonly commands: readonly CommandSpec[];
  readonly flags: Flags;
  readonly operands: readonly string[];
  readonly view: View;
}

/** A flag or an operand that cannot be used: exit 2. (The same value from elsewhere is bad configuration: exit 78.) */
export class UsageError extends WeirError {
  override readonly name = 'UsageError';

  constructor(message: string) {
    super('usage', message, false);
  }
}

/** One line for stderr, whatever is in the message. */
export function faultLine(command: string, { message }: WeirError): string {
  return `weir ${command}: ${message.replace(/\s*[\r\n]+\s*/g, ' ')}\n`;
}
