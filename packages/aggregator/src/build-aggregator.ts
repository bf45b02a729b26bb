import { hostname } from 'node:os';
import type { Writable } from 'node:stream';
import { type AggregatorSettings, checkWindow, shapeOf } from '@weir/common/aggregator-settings';
import type { BuildContext, Daemon } from '@weir/common/program';
import { parseSinkUrls } from '@weir/common/sink-url';
import { openSink } from '@weir/sinks/open-sink';
import { Aggregator } from './aggregator.ts';

/**
 * The aggregator as `main.ts` runs it, from its settings. Throws a SettingsError when they cannot be used together, or a
 * sink's URL or file cannot be used.
 */
export async function buildAggregator(
  settings: AggregatorSettings,
  context: BuildContext,
  stdout: Writable,
): Promise<Daemon> {
  checkWindow(settings);
  const specs = parseSinkUrls(settings.sinks, { setting: '--sink', token: settings.sinkToken });
  const id = settings.id ?? `${hostname()}-${settings.http === 'off' ? 0 : settings.http.port}`;
  const logger = context.logger.child({ id });
  const shape = shapeOf(settings);
  const sinks = specs.map((spec) => openSink(spec, { shape, stdout, logger }));
  const kinds = new Map(specs.map(({ name, kind }) => [name, kind]));
  const aggregator = new Aggregator(settings, id, sinks, kinds, { ...context, logger });
  return { service: aggregator, ready: () => aggregator.ready, reload: () => aggregator.reload() };
}
