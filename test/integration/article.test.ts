import { articleLines, articlePoints } from '../support/article.ts';
import { send, sendDatagram } from '../support/client.ts';
import type { Daemon } from '../support/daemon.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { startRegion } from '../support/region.ts';

/** The example of the README, through the real programs: five lines at two relays, six points in two InfluxDBs. */
type Door = (relay: Daemon, lines: readonly string[]) => Promise<void>;

const write: Door = (relay, lines) => send(relay, lines, { path: '/write?db=events' });
const writeV2: Door = (relay, lines) => send(relay, lines, { path: '/api/v2/write?org=weir&bucket=events' });

let redis: RedisServer;
let influxds: Influxd[];

beforeAll(async () => {
  [redis, ...influxds] = await Promise.all([startRedis(), startInfluxd(), startInfluxd()]);
});

test.each<{ doors: string; name: string; first: Door; second: Door }>([
  { doors: '/write at both', name: 'v1', first: write, second: write },
  { doors: '/write and /api/v2/write', name: 'v2', first: write, second: writeV2 },
  { doors: '/write and UDP', name: 'udp', first: write, second: sendDatagram },
])(
  'five lines split between two relays ($doors) are the six points in both InfluxDBs, sent again as well',
  async ({ name, first, second }) => {
    const region = await startRegion({ redis, influxds, name });
    const [one, two] = region.relays as [Daemon, Daemon];
    const lines = articleLines();
    await first(one, lines.slice(0, 3));
    await second(two, lines.slice(3));
    await region.untilPoints(articlePoints());

    await first(two, lines.slice(0, 3));
    await second(one, lines.slice(3));
    expect(await region.untilFolded(10)).toMatchObject({ counted: 5, duplicate: 5, dead: {} });
    for (const points of await region.points()) expect(points).toEqual(articlePoints());
  },
);
