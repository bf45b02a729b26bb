import type { CommandContext } from '../command-context.ts';
import { lookAtDaemons } from '../daemons-look.ts';
import { withDeployment } from '../deployment-target.ts';
import { lookAtOthers } from '../others-look.ts';
import { show } from '../show.ts';
import { sinkStatuses } from '../sink-status.ts';
import { deploymentSinks } from '../sinks/deployment-sinks.ts';
import { SINK_LIST_SCHEMA, sinkListReport, sinkListTable } from '../sinks/list-report.ts';
import { sinkBacklogs, windowStatuses } from '../window-status.ts';
import { lookAtWindows } from '../windows-look.ts';

export const schema = SINK_LIST_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  return withDeployment(context, (target) =>
    show(context, async () => {
      const { redis, prefix, partitions } = target;
      const look = await lookAtDaemons(redis, prefix);
      const names = deploymentSinks(look.deployment);
      const windows = await lookAtWindows(redis, prefix, partitions, names);
      const others = await lookAtOthers(target, names);
      const backlogs = sinkBacklogs(windowStatuses(windows, look), windows, look.redisMs);
      const report = sinkListReport(prefix, look, sinkStatuses(look, backlogs, others));
      return { report, text: (view) => sinkListTable(report, view) };
    }),
  );
}
