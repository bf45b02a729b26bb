import { packageVersion, runDaemon } from '@weir/common/program';
import { RELAY_SETTINGS } from '@weir/common/relay-settings';
import { buildRelay } from './relay.ts';

await runDaemon({
  name: 'weir-relay',
  version: packageVersion(import.meta.url),
  description: 'Takes events over HTTP and UDP, checks them, and appends them to Redis in batches.',
  spec: RELAY_SETTINGS,
  process,
  build: buildRelay,
});
