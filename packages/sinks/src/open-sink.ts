import type { Writable } from 'node:stream';
import type { Logger } from '@weir/common/logger';
import type { PointShape } from '@weir/common/point-shape';
import type { SinkSpec } from '@weir/common/sink-url';
import { FileSink } from './file.ts';
import { InfluxV1Sink } from './influx-v1.ts';
import { InfluxV2Sink } from './influx-v2.ts';
import type { Sink } from './sink.ts';
import { StdoutSink } from './stdout.ts';

export interface OpenSinkOptions {
  shape: PointShape;
  stdout: Writable;
  logger: Logger;
}

/**
 * The sink behind a URL. Opens no connection: a sink that is away must not keep a process from starting. Throws a
 * SettingsError where a file that the URL names cannot be used.
 */
export function openSink(spec: SinkSpec, { shape, stdout, logger }: OpenSinkOptions): Sink {
  if ('tls' in spec && spec.tls?.insecure) {
    const about = { sink: spec.name, url: spec.url };
    logger.warn(
      about,
      'INSECURE SINK: insecure=on takes whoever answers for the sink, and shows them its password or token',
    );
  }
  switch (spec.kind) {
    case 'influx-v1':
      return new InfluxV1Sink(spec, shape);
    case 'influx-v2':
      return new InfluxV2Sink(spec, shape);
    case 'file':
      return new FileSink(spec, shape);
    case 'stdout':
      return new StdoutSink(spec, stdout, shape);
  }
}
