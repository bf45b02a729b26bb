/** Colours, where the reader wants them. They only repeat what the words say. Pure. */
export type Tone = 'good' | 'warning' | 'bad' | 'strong' | 'faint';

export type Paint = (text: string, tone: Tone | undefined) => string;

const CODES: Readonly<Record<Tone, number>> = { good: 32, warning: 33, bad: 31, strong: 1, faint: 2 };

const colours: Paint = (text, tone) =>
  tone === undefined || text === '' ? text : `\u001b[${CODES[tone]}m${text}\u001b[0m`;
const plain: Paint = (text) => text;

/**
 * On a terminal, unless NO_COLOR is set (to anything but an empty text) or the terminal is a dumb one. FORCE_COLOR goes
 * before all of this: `0` is never, anything else always, as Node itself has it.
 */
export function paintFor(env: Readonly<Record<string, string | undefined>>, isTty: boolean): Paint {
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced === '0' || forced === 'false' ? plain : colours;
  return isTty && !env.NO_COLOR && env.TERM !== 'dumb' ? colours : plain;
}
