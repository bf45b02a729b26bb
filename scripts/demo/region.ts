import { join } from 'node:path';
import { type Daemon, startDaemon } from '../../test/support/daemon.ts';
import { type Influxd, startInfluxd } from '../../test/support/influxd.ts';
import { type RedisServer, startRedis } from '../../test/support/redis-server.ts';
import { tempDir } from '../../test/support/temp-dir.ts';

/** One region in small: two zones, each with a relay and an InfluxDB, two aggregators, and one Redis. */
export interface Region {
  redis: RedisServer;
  zones: { name: string; influxd: Influxd; relay: Daemon }[];
  aggregators: { id: string; daemon: Daemon }[];
}

export const DATABASE = 'events';

/** `said` is called with a line about every process that has come up. */
export async function startRegion(said: (line: string) => void): Promise<Region> {
  const data = await tempDir('demo');
  const redis = await startRedis({ appendonly: true });
  said(`Redis              ${redis.url}`);

  const influxds = await Promise.all([startInfluxd(), startInfluxd()]);
  const named = influxds.map((influxd, i) => ({ name: `az${i + 1}`, influxd }));
  for (const { name, influxd } of named) {
    await influxd.createDatabase(DATABASE);
    said(`InfluxDB of ${name}    ${influxd.url}`);
  }

  const zones = await Promise.all(
    named.map(async ({ name, influxd }) => {
      const place = ['--http', '127.0.0.1:0', '--udp', '127.0.0.1:0', '--id', name, '--data', join(data, name)];
      const relay = await startDaemon('weir-relay', ['--redis', redis.url, ...place]);
      said(`relay of ${name}       http://${relay.http}, udp ${relay.udp}`);
      return { name, influxd, relay };
    }),
  );

  const sinks = named.flatMap(({ name, influxd }) => ['--sink', `${influxd.url}?db=${DATABASE}&name=${name}`]);
  const aggregators = await Promise.all(
    ['aggregator-1', 'aggregator-2'].map(async (id) => {
      const place = ['--http', '127.0.0.1:0', '--id', id];
      const daemon = await startDaemon('weir-aggregator', ['--redis', redis.url, ...place, ...sinks]);
      said(`${id}       http://${daemon.http}`);
      return { id, daemon };
    }),
  );
  return { redis, zones, aggregators };
}
