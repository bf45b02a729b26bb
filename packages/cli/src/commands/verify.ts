import { WeirError } from '@weir/common/errors';
import { redisTimeMs } from '@weir/common/redis';
import { integer } from '@weir/common/setting-values';
import type { SinkSpec } from '@weir/common/sink-url';
import { windowStartSec } from '@weir/common/window';
import { type Applied, act, asFarAsItGoes, requireConsent } from '../acting.ts';
import { type CommandContext, UsageError } from '../command-context.ts';
import { type DaemonsLook, lookAtDaemons } from '../daemons-look.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import { moment, momentMs } from '../moment.ts';
import { show } from '../show.ts';
import { deploymentSinks } from '../sinks/deployment-sinks.ts';
import { WindowJudge } from '../verify/judge-window.ts';
import { type MendOptions, mendWindow, nothingMended } from '../verify/mend-windows.ts';
import { ReadSinks, recordedShape, sinkSpecs } from '../verify/read-sinks.ts';
import { ScanProgress } from '../verify/scan-progress.ts';
import { type Asked, Findings, VERIFY_SCHEMA, type VerifyOutcome } from '../verify/verify-report.ts';
import { verifyOutcomeText, verifyPlanText } from '../verify/verify-text.ts';
import type { StandingOptions } from '../windows/window-standing.ts';
import { windowTimes } from '../windows/window-times.ts';
import { lookAtWindows } from '../windows-look.ts';

export const schema = VERIFY_SCHEMA;

const NAME = 'weir.verify/1';
/** Two years of minutes. */
const MAX_WINDOWS = 1_100_000;

export async function run(context: CommandContext): Promise<number> {
  const { flags } = context;
  const repair = flags.on('repair');
  if (repair) requireConsent(context);
  if (!repair && flags.on('trust-larger')) throw new UsageError('--trust-larger: expected --repair with it');
  return withDeployment(context, async (target) => {
    const { redis, prefix, partitions, recorded } = target;
    const { windowLengthSec } = windowTimes(recorded);
    const asked = readAsked(context, windowLengthSec, await redisTimeMs(redis));
    const specs = sinkSpecs(context, recorded);
    warnOfInsecure(context, specs);
    const sinks = new ReadSinks(specs, recordedShape(recorded), deploymentSinks(recorded));
    try {
      const names = sinks.states.filter(({ state }) => state === 'read').map(({ name }) => name);
      const place = { redis, prefix, partitions, windowLengthSec, sinks: names };
      const judge = new WindowJudge({
        place,
        sinks,
        rules: { trustLarger: asked.trustLarger, lostMs: lostMs(await lookAtDaemons(redis, prefix)) },
        mayKnow: await knownWindows(target),
        signal: context.stopping,
      });
      const findings = await scan(context, place, judge, asked, sinks);
      return await answer(context, findings, { place, sinks, judge, signal: context.stopping });
    } finally {
      await sinks.close();
    }
  });
}

/** As the daemons do at every start. */
function warnOfInsecure({ err }: CommandContext, specs: readonly SinkSpec[]): void {
  for (const spec of specs) {
    if (!('tls' in spec) || !spec.tls?.insecure) continue;
    err(
      `weir verify: ${spec.name}: insecure=on takes whoever answers for the sink, and shows them its password or token\n`,
    );
  }
}

function readAsked({ flags }: CommandContext, windowLengthSec: number, nowMs: number): Asked {
  const from = flags.readOptional('from', moment);
  if (from === undefined) throw new UsageError('--from: got nothing, expected when the first window is');
  const fromSec = windowStartSec(Math.floor(momentMs(from, nowMs) / 1_000), windowLengthSec);
  const to = flags.readOptional('to', moment);
  const toMs = to === undefined ? nowMs : momentMs(to, nowMs);
  const windows = Math.max(0, Math.ceil((toMs / 1_000 - fromSec) / windowLengthSec));
  if (windows === 0 || fromSec < 0) throw new UsageError('--from: got a time after --to, or before 1970');
  if (windows > MAX_WINDOWS) {
    throw new UsageError(`--from: got ${windows} windows up to --to, expected at most ${MAX_WINDOWS}`);
  }
  return {
    fromSec,
    toSec: fromSec + windows * windowLengthSec,
    repair: flags.on('repair'),
    trustLarger: flags.on('trust-larger'),
    limit: flags.read('limit', integer(0, 1_000_000)),
  };
}

/**
 * The last moment at which Redis may have forgotten something that a sink still holds: an aggregator saw that it went back, or a
 * relay could not send again what it had lost. Where no aggregator says anything it may be any.
 */
function lostMs({ aggregatorStates, relayCounts }: DaemonsLook): number | undefined {
  if (aggregatorStates.size === 0) return Number.POSITIVE_INFINITY;
  const seen = [...aggregatorStates.values()].flatMap(({ rollbackMs }) => rollbackMs ?? []);
  const gaps = relayCounts.filter(({ counts }) => counts.journalGapBatches > 0).map(({ lastMs }) => lastMs);
  const all = [...seen, ...gaps];
  return all.length === 0 ? undefined : Math.max(...all);
}

/** As they are now; one that comes later is looked for where something differs. */
async function knownWindows({ redis, prefix, partitions }: DeploymentTarget): Promise<(startSec: number) => boolean> {
  const { open, finals, finalRecords } = await lookAtWindows(redis, prefix, partitions, []);
  if (finalRecords > finals.length) return () => true;
  const known = new Set([...open, ...finals].map(({ startSec }) => startSec));
  return (startSec) => known.has(startSec);
}

async function scan(
  context: CommandContext,
  { windowLengthSec }: StandingOptions,
  judge: WindowJudge,
  asked: Asked,
  sinks: ReadSinks,
): Promise<Findings> {
  const findings = new Findings(asked, sinks.states);
  const progress = new ScanProgress(context, (asked.toSec - asked.fromSec) / windowLengthSec);
  try {
    for (let startSec = asked.fromSec; startSec < asked.toSec; startSec += windowLengthSec) {
      if (!sinks.states.some(({ state }) => state === 'read')) break;
      findings.add(await judge.judge(startSec));
      progress.at(findings.plan.windows, `${findings.plan.differentPoints} points differ`);
    }
  } finally {
    progress.end();
  }
  return findings;
}

async function answer(context: CommandContext, findings: Findings, options: MendOptions): Promise<number> {
  const { plan, planned } = findings;
  const { prefix } = options.place;
  const fault = faultOf(findings);
  if (!plan.repair || plan.differentPoints === 0) {
    const report = { schema: NAME, prefix, dryRun: true, plan, outcome: null };
    return show(context, async () => ({
      report,
      text: (view) => verifyPlanText(plan, view),
      ...(fault ? { fault } : {}),
    }));
  }
  const { format } = context.view;
  const nothing = planned.length === 0 ? 'nothing that differs is known to be mended by writing' : undefined;
  if (nothing !== undefined && (format === 'table' || format === 'wide'))
    context.out(verifyPlanText(plan, context.view));
  return act(context, NAME, prefix, {
    plan,
    planText: (view) => verifyPlanText(plan, view),
    nothing,
    apply: () => mend(context, findings, options),
  });
}

/** What is wrong now, before anything is mended. */
function faultOf({ plan }: Findings): WeirError | undefined {
  const unread = plan.sinks.filter(({ state }) => state === 'failing').map(({ name }) => name);
  if (unread.length > 0) return new WeirError('sinks-unread', `cannot be read: ${unread.join(', ')}`, true);
  if (plan.sinks.every(({ state }) => state !== 'read')) {
    return new WeirError('sinks-unread', 'none of these sinks can be read back', false);
  }
  if (plan.differentPoints === 0) return undefined;
  return new WeirError('sinks-differ', `${plan.differentPoints} points differ`, false);
}

function mend(
  context: CommandContext,
  { plan, planned }: Findings,
  options: MendOptions,
): Promise<Applied<VerifyOutcome>> {
  const progress = new ScanProgress(context, planned.length);
  const outcome = nothingMended();
  const text = () => verifyOutcomeText(outcome);
  return asFarAsItGoes(
    outcome,
    async () => {
      try {
        for (const [done, window] of planned.entries()) {
          await mendWindow(options, window, outcome);
          progress.at(done + 1, `${outcome.values} values mended`);
        }
      } finally {
        progress.end();
      }
      const left = plan.repairs.values - outcome.values + Object.values(plan.left).reduce((sum, each) => sum + each, 0);
      const unread = plan.sinks.filter(({ state }) => state === 'failing').map(({ name }) => name);
      if (left === 0 && unread.length === 0) return undefined;
      const also = unread.length > 0 ? `; cannot be read: ${unread.join(', ')}` : '';
      return new WeirError('sinks-differ', `${left} values still differ${also}`, false);
    },
    { text, done: () => `${outcome.values} of ${plan.repairs.values} values were mended` },
  );
}
