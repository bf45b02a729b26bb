import { parseAggregatorState } from '@weir/common/daemon-state';
import { aggregatorStatesKey, partitionKeys, relaysKey } from '@weir/common/keys';
import { redisTimeMs, Script } from '@weir/common/redis';
import { parseRelayReport } from '@weir/common/seal-wait';
import { text } from '@weir/common/setting-values';
import { act, refused, requireConsent } from '../acting.ts';
import type { CommandContext } from '../command-context.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import { operand } from '../operand.ts';
import { type OpenedWindow, planRelayRemoval, RELAY_REMOVE_SCHEMA, relayPlanText } from '../relays/remove-plan.ts';
import { windowTimes } from '../windows/window-times.ts';
import { readHash } from './lag.ts';

export const schema = RELAY_REMOVE_SCHEMA;

const REMOVE = Script.beside(new URL('../relays/', import.meta.url).href, 'remove-report');
/** Where no aggregator says what it was started with. */
const USUAL_HOLD_MS = 6 * 3_600_000;

export async function run(context: CommandContext): Promise<number> {
  requireConsent(context);
  const relay = operand(context, '<id>', text('the id of a relay'));
  return withDeployment(context, async (target) => {
    const { redis, prefix, recorded } = target;
    const standing = (await readHash(redis, relaysKey(prefix)))[relay];
    const report = standing === undefined ? undefined : parseRelayReport(relay, standing);
    if (standing === undefined || !report) throw refused(`no relay ${relay} has left a report: nobody waits for it`);
    const { windowLengthSec: windowSec, latenessMs } = windowTimes(recorded);
    const times = { windowSec, latenessMs, holdMs: await readHoldMs(target) };
    const plan = planRelayRemoval(report, await openWindows(target), await redisTimeMs(redis), times);
    return act(context, 'weir.relay-remove/1', prefix, {
      plan,
      planText: (view) => relayPlanText(plan, view),
      apply: async () => {
        const removed = (await REMOVE.run(redis, [relaysKey(prefix)], [relay, standing])) === 1;
        const fault = removed ? undefined : refused(`${relay} has reported meanwhile`);
        return { outcome: { removed }, text: () => (removed ? 'removed\n' : ''), fault };
      },
    });
  });
}

async function openWindows({ redis, prefix, partitions }: DeploymentTarget): Promise<OpenedWindow[]> {
  const openedMs = new Map<number, number>();
  for (let partition = 0; partition < partitions; partition++) {
    const metas = await readHash(redis, partitionKeys(prefix, partition).windows);
    for (const [start, meta] of Object.entries(metas)) {
      const known = openedMs.get(Number(start)) ?? Number.POSITIVE_INFINITY;
      openedMs.set(Number(start), Math.min(known, Number(meta.split(' ')[2])));
    }
  }
  return [...openedMs].map(([startSec, ms]) => ({ startSec, openedMs: ms }));
}

async function readHoldMs({ redis, prefix }: DeploymentTarget): Promise<number> {
  const states = Object.values(await readHash(redis, aggregatorStatesKey(prefix)));
  const holds = states.flatMap((state) => parseAggregatorState(state)?.settings.holdMs ?? []);
  return holds.length === 0 ? USUAL_HOLD_MS : Math.max(...holds);
}
