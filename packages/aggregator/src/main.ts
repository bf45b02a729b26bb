import { AGGREGATOR_SETTINGS } from '@weir/common/aggregator-settings';
import { packageVersion, runDaemon } from '@weir/common/program';
import { buildAggregator } from './build-aggregator.ts';

await runDaemon({
  name: 'weir-aggregator',
  version: packageVersion(import.meta.url),
  description: 'Folds events into exact minute windows and keeps every sink filled with their totals.',
  spec: AGGREGATOR_SETTINGS,
  process,
  build: (settings, context) => buildAggregator(settings, context, process.stdout),
});
