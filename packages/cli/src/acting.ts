import { EXIT, WeirError } from '@weir/common/errors';
import { RedisFault } from '@weir/common/redis-fault';
import { z } from 'zod';
import { type CommandContext, UsageError } from './command-context.ts';
import { reportSchema } from './report-schema.ts';
import { reportText } from './show.ts';
import type { View } from './view.ts';

/**
 * How every command goes that changes something: it looks, says what would change, asks, and only then does it. Pure, but for
 * what the command itself does. Whoever has a terminal is asked there; whoever has none must have said `--yes`, so that no
 * script changes more than was meant. `--dry-run` ends after the plan.
 */
export interface Planned<P extends object, O extends object> {
  plan: P;
  planText: (view: View) => string;
  /** Why there is nothing to do: then that is all. */
  nothing?: string | undefined;
  apply: () => Promise<Applied<O>>;
}

export interface Applied<O extends object> {
  /** What became of the plan: others go on meanwhile, so it may be less than was planned. */
  outcome: O;
  text: (view: View) => string;
  /** Not all of it could be done: said on stderr, exit 1. */
  fault?: WeirError | undefined;
}

export type ActSchema = ReturnType<typeof actSchema>;

/** The shape of what an acting command prints. `name`: as in `weir.claim`. */
export function actSchema<const N extends string, P extends z.ZodRawShape, O extends z.ZodRawShape>(
  name: N,
  description: string,
  plan: P,
  outcome: O,
) {
  return reportSchema(name, 1, description, {
    prefix: z.string(),
    dryRun: z.boolean().describe('only the plan was asked for'),
    plan: z.object(plan).describe('what would change'),
    outcome: z.object(outcome).nullable().describe('what became of it; null: nothing was done'),
  });
}

/** To be called before anything is looked at: a script that lacks `--yes` is wrong whatever there is to do. */
export function requireConsent({ flags, ask }: CommandContext): void {
  if (ask || flags.on('yes') || flags.on('dry-run')) return;
  throw new UsageError('there is no terminal to ask at: --yes goes on without asking, --dry-run only shows the plan');
}

/** Answers the exit code; rejects with what was found to be in the way, or when nothing was done. */
export async function act<P extends object, O extends object>(
  context: CommandContext,
  schema: string,
  prefix: string,
  { plan, planText, nothing, apply }: Planned<P, O>,
): Promise<number> {
  const { flags, view, out, terminal } = context;
  const dryRun = flags.on('dry-run');
  const forEyes = view.format === 'table' || view.format === 'wide';
  const say = async (outcome: O | null, text: string) => {
    out(forEyes ? text : await reportText({ schema, prefix, dryRun, plan, outcome }, view.format));
  };
  if (nothing !== undefined) {
    if (!forEyes) await say(null, '');
    throw nothingDone(nothing);
  }
  if (forEyes) out(planText(view));
  if (dryRun) {
    await say(null, 'dry run: nothing was changed\n');
    return EXIT.done;
  }
  if (!(await agreedTo(context, forEyes && terminal.isTty ? '' : planText(view)))) {
    if (!forEyes) await say(null, '');
    throw nothingDone('the answer was no');
  }
  const { outcome, text, fault } = await apply();
  await say(outcome, text(view));
  if (fault) throw fault;
  return EXIT.done;
}

/** What the question is about stands above it, on the terminal, also where stdout goes elsewhere. */
async function agreedTo({ flags, ask, err }: CommandContext, plan: string): Promise<boolean> {
  if (flags.on('yes') || !ask) return true;
  err(plan);
  return /^\s*y(es)?\s*$/i.test(await ask('Go on? [y/N] '));
}

function nothingDone(why: string): WeirError {
  return new WeirError('nothing-done', `nothing was done: ${why}`, false);
}

/**
 * Does the work and answers how far it got, also where Redis fails in the middle: then that is said, and that the command may be
 * run again. `work` keeps `outcome` up to date step by step; of the step that failed nothing may be known.
 */
export async function asFarAsItGoes<O extends object>(
  outcome: O,
  work: () => Promise<WeirError | undefined>,
  { text, done }: { text: () => string; done: () => string },
): Promise<Applied<O>> {
  try {
    return { outcome, text, fault: await work() };
  } catch (error) {
    if (!(error instanceof RedisFault)) throw error;
    const { code, message, retryable, outcome: known } = error;
    const perhaps = known === 'unknown' ? ', perhaps one step more' : '';
    const said = `${message.replace(/\.$/, '')}; until then ${done()}${perhaps}. Run it again: it goes on with the rest`;
    const fault = new RedisFault(code, said, retryable, known, { cause: error });
    return { outcome, text: () => '', fault };
  }
}

/** Something that would be lost, or that others still use, is in the way. */
export function refused(why: string): WeirError {
  return new WeirError('refused', why, false);
}
