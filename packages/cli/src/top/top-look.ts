import type { DeploymentTarget } from '../deployment-target.ts';
import type { Sample } from '../flow.ts';
import { lagReport, partitionLag } from '../lag-report.ts';
import { type LookOptions, lookAtAll } from '../status-look.ts';
import { type Judging, judge } from '../verdict.ts';
import type { TopReport } from './top-report.ts';

/**
 * The looks of `weir top`, one after the other: each asks Redis what `weir status` asks, and nothing more. Rates are made of
 * the ledger's counters at this look and the one before.
 */
export class TopLook {
  readonly #target: DeploymentTarget;
  readonly #options: LookOptions & Judging;
  #before: Sample[] | undefined;

  constructor(target: DeploymentTarget, options: LookOptions & Judging) {
    this.#target = target;
    this.#options = options;
  }

  async look(): Promise<TopReport> {
    const { facts, measured, alive } = await lookAtAll(this.#target, this.#options);
    const before = this.#before;
    const samples = measured.map(({ state }) => state);
    const partitions = measured.map((measures) =>
      partitionLag({ ...measures, before: before?.[measures.state.partition] }, alive),
    );
    this.#before = samples;
    const [now] = samples;
    const frame = {
      prefix: facts.prefix,
      redisTimeMs: facts.redisTimeMs,
      intervalMs: before?.[0] && now ? now.redisMs - before[0].redisMs : null,
    };
    const status = judge(facts, this.#options);
    return { schema: 'weir.top/1', status, lag: lagReport(frame, partitions) };
  }
}
