import { COMMANDS } from '@weir/cli/command-list';
import { CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import { send } from '../support/client.ts';
import { lineOf } from '../support/event-lines.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import { expectPublished } from '../support/published-schema.ts';
import { type Region, startRegion } from '../support/region.ts';
import { type SinkProxy, startSinkProxy } from '../support/sink-proxy.ts';
import { weir } from '../support/weir.ts';

/**
 * Every command that looks, on a real deployment in three states: healthy, with its aggregators dead and an entry in the
 * hands of one, and with one sink away. Each text is read as a person would read it, each JSON held to its published shape.
 */
const WINDOW_SEC = 1_478_507_520;
const EVENTS = 200;

let influxds: Influxd[];
let proxy: SinkProxy;
let region: Region;

const look = (...argv: string[]) => weir([...argv, '--redis', region.redis.url, '--utc']);
const status = async () => (await look('status')).out;

/** Of the commands that look, with what they need to be told. */
async function everyCommand(entry: string): Promise<{ name: string; argv: string[] }[]> {
  const sinks = [influxds[0]!.url, proxy.url].flatMap((url, i) => ['--sink', `${url}?db=weir&name=az${i + 1}`]);
  const told = new Map([
    ['peek', [entry]],
    ['top', ['--count', '1']],
    ['tail', ['--lines', '1', '--no-follow']],
    ['verify', ['--from', '2016-11-07T08:30:00Z', '--to', '2016-11-07T08:45:00Z', ...sinks]],
  ]);
  return COMMANDS.filter(({ topic }) => topic === 'Looking:').map(({ name }) => {
    return { name, argv: [...name.split(' '), ...(told.get(name) ?? [])] };
  });
}

/** `unreadable`: what verify says on stderr of a sink that is away. */
async function expectAllPublished(entry: string, unreadable = ''): Promise<void> {
  for (const { name, argv } of await everyCommand(entry)) {
    const flags = name === 'check' ? ['--json'] : ['--json', '--utc'];
    const { out, err } = await weir([...argv, ...flags, '--redis', region.redis.url]);
    expect({ name, err }).toEqual({ name, err: name === 'verify' ? unreadable : '' });
    expectPublished(name.replace(' ', '-'), out);
  }
}

function lines(count: number, minute = 0): string[] {
  return Array.from({ length: count }, (_, i) =>
    lineOf({
      eventType: `e${i % 3}`,
      product: 'p',
      username: `user${i}`,
      sec: WINDOW_SEC + minute * 60 + (i % 60),
      nanos: i,
    }),
  );
}

/** Also in the words of the daemons, which come once a second. */
async function untilFlushed(): Promise<void> {
  await eventuallyHolds(
    async () => {
      const out = await status();
      expect(out).toMatch(/^relay-1 +\S+ ago +[\d.]+ /m);
      expect(out).toMatch(/^az1 +well +\S+ +\S+ ago +0 +-/m);
    },
    { what: 'all to be flushed, and said' },
  );
}

/** An entry that the aggregator has in hand, as if it had read it and died. */
async function hold(consumer: string): Promise<string> {
  for (let partition = 0; ; partition = (partition + 1) % 8) {
    const { stream } = partitionKeys('weir', partition);
    const reply = await region.client.xreadgroup('GROUP', CONSUMER_GROUP, consumer, 'COUNT', 1, 'STREAMS', stream, '>');
    const [first] = (reply as [string, [string, string[]][]][] | null) ?? [];
    if (first) return `${partition}:${first[1][0]![0]}`;
  }
}

beforeEach(async () => {
  influxds = await Promise.all([startInfluxd(), startInfluxd()]);
  proxy = await startSinkProxy({ upstream: influxds[1]!.url });
  region = await startRegion({ influxds, sinkUrls: [influxds[0]!.url, proxy.url] });
});

describe('healthy', () => {
  beforeEach(async () => {
    await send(region.relays[0]!, lines(EVENTS));
    await region.untilFolded(EVENTS);
    await eventuallyHolds(async () => expect((await look('windows')).out).toMatch(/ 200 .* flushed +flushed$/m), {
      what: 'both sinks to have it all',
    });
    await untilFlushed();
  });

  test('weir status says ok first, and then how every part is', async () => {
    const { code, out, err } = await look('status');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^ok: numbers are complete and on time\n\n/);
    expect(out).toMatch(/^relay-1 +[\d.]+s ago +[\d.]+ +0 +\d+ KiB +[\d.]+s +0 B +0$/m);
    expect(out).toContain(`8 of 8 partitions have nothing waiting, ${EVENTS} events received, the books balance\n`);
    expect(out).toMatch(/^aggregator-1 +[\d.]+s ago +[0-7,-]+ +0$/m);
    expect(out).toContain('windows: 1 open, 1 of them due, 0 due to be sealed; 0 final records kept\n');
    expect(out).toMatch(/^az1 +well +[\d.]+s +[\d.]+s ago +0 +- +-$/m);
    expect(out).toMatch(
      /^redis 7\.\S+ \(master\): .* no maxmemory, noeviction, appendonly everysec, \d+ connections$/m,
    );
    expect((await look('status', '-o', 'wide')).out.match(/^ +\d +0 +0 +0s +0 +- +0 +aggregator-\d$/gm)).toHaveLength(
      8,
    );
  });

  test('the others say so too', async () => {
    expect((await look('lag')).out).toMatch(/^ +total +0 +0 +0s +0 +0 +idle +0s +0 +-$/m);
    expect((await look('pending')).out).toBe('no pending entries\n');
    expect((await look('ledger')).out).toContain('the books balance');
    expect((await look('consumers')).out).toMatch(/^aggregator-1 +alive +[\d.]+s ago +[0-7,-]+ +0 +-$/m);
    const windows = await look('windows', '2016-11-07T08:32:10Z');
    expect(windows.out).toMatch(/^2016-11-07T08:32:00Z +due +200 +200 +3 +[\d.]+ KiB +flushed +flushed$/m);
    expect(windows.out).toMatch(/^e0 +p +67 +67$/m);
    const check = await weir(['check', '--redis', region.redis.url]);
    expect(check).toMatchObject({ code: 0, err: '' });
    expect(check.out).toMatch(/^WEIR OK - numbers are complete and on time \| lag=0s;30;120;0 pending=0;;;0 /);
    const doctor = await look('doctor', '--sink', `${influxds[0]!.url}?db=weir`);
    expect(doctor).toMatchObject({ code: 0, err: '' });
    expect(doctor.out).toMatch(/^ok +redis eviction +noeviction$/m);
    expect(doctor.out).toMatch(/^ok +clock of relay-2 +\d+ ms (ahead of|behind) Redis's$/m);
    expect(doctor.out).toMatch(
      /^ok +sink http:\/\/127\.0\.0\.1:\d+\?db=weir +InfluxDB 1\.6\.7\S*, to be written over the 1\.x API/m,
    );
  });

  test('one entry can be looked into until it is trimmed, and then that is said', async () => {
    const gone = await look('peek', '0:1-1');
    expect(gone).toEqual({
      code: 1,
      out: '',
      err: 'weir peek: partition 0 has no entry 1-1: it was folded and trimmed, or there never was one\n',
    });
    expect((await look('peek', '9:1-1')).code).toBe(2);
    expect((await look('peek', 'odd')).code).toBe(2);
  });
});

describe('with its aggregators dead, and an entry in the hands of one', () => {
  let entry: string;

  beforeEach(async () => {
    await send(region.relays[0]!, lines(EVENTS));
    await region.untilFolded(EVENTS);
    await Promise.all(region.aggregators.map((aggregator) => aggregator.kill()));
    await send(region.relays[0]!, lines(EVENTS, 1));
    entry = await hold('aggregator-1');
    await eventuallyHolds(async () => expect(await status()).toContain('[no-aggregator]'), {
      what: 'them to be missed',
    });
  });

  test('weir status says that numbers are late, why, and what mends it', async () => {
    const { code, out } = await look('status');
    expect(code).toBe(0);
    const [first, second] = out.split('\n');
    expect(first).toMatch(
      /^late: no aggregator is alive \(aggregator-\d was last seen [\d.]+s ago\): 200 events wait, the oldest for [\d.]+s\. Start one \[no-aggregator\]$/,
    );
    expect(second).toMatch(/^ {4}-> weir-aggregator --prefix weir --id aggregator-\d --sink <url>$/);
    expect(out).toMatch(/^ +\d +0 +\d+ +[\d.]+s +1 +[\d.]+s +0 +-$/m);
    expect(out).toMatch(/^az2 +\? +\?/m);
  });

  test('the others show what waits, and where', async () => {
    expect((await look('lag')).out).toMatch(/^ +total +7 +200 +[\d.]+s +0 +0 +stuck +never +1 +[\d.]+s$/m);
    expect((await look('pending')).out).toMatch(/^ +\d +aggregator-1 +no +- +1 +\d+ +[\d.]+s +1 /m);
    expect((await look('consumers')).out).toMatch(/^aggregator-1 +dead +[\d.]+s ago +- +1 +\d$/m);
    expect((await look('ledger')).out).toMatch(/^ +total +400 +200 +0 .* 200 +yes +0$/m);
    const peek = (await look('peek', entry, '--lines', '1')).out;
    expect(peek).toMatch(/^entry +\d:\d+-\d+\nstate +pending by aggregator-1 for [\d.]+s, delivered 1 times\n/);
    expect(peek).toMatch(/^from +relay-1, start [0-9a-f]{16}, batch \d+$/m);
    expect(peek).toMatch(/^event_type=e\d,product=p value=user\d+ 14785075\d+$/m);
    expect((await look('doctor')).out).toMatch(/^bad +aggregators +none is alive\n {4}-> start one: weir-aggregator$/m);
  });

  test('weir check flips to critical, and back when they are started again', async () => {
    const check = () => weir(['check', '--redis', region.redis.url]);
    const { code, out } = await check();
    expect(code).toBe(2);
    expect(out).toMatch(
      /^WEIR CRITICAL - no aggregator is alive .*\[no-aggregator\].* \| lag=[\d.]+s;30;120;0 pending=1;;;0 /,
    );
    await Promise.all(['aggregator-1', 'aggregator-2'].map((id) => region.startAggregator(id)));
    await eventuallyHolds(async () => expect(await check()).toMatchObject({ code: 0, err: '' }), {
      what: 'all to be well',
    });
    await region.untilFolded(EVENTS * 2);
  });

  test('every JSON is as published', () => expectAllPublished(entry));
});

describe('with one sink away', () => {
  beforeEach(async () => {
    await proxy.refuseConnections();
    for (let minute = 0; minute < 6; minute++) await send(region.relays[0]!, lines(10, minute));
    await region.untilFolded(60);
    await eventuallyHolds(async () => expect(await status()).toContain('[sink-away]'), {
      what: 'the sink to be missed',
    });
  });

  test('weir status says which, since when, why and what waits; the other sink is well', async () => {
    await untilFlushed();
    const { out } = await look('status');
    expect(out.split('\n')[0]).toMatch(
      /^late: az2 takes nothing for [\d.]+s \(sink-unreachable: .*ECONNREFUSED.*\): 6 windows wait for it, and it fills by itself once it is back \[sink-away\]$/,
    );
    expect(out.split('\n')[1]).toBe('    -> weir windows --sink az2 --watch');
    expect(out).toMatch(/^az2 +away +[\d.]+s +- +6 +2016-11-07T08:32:00Z +sink-unreachable$/m);
    expect(out).toMatch(/^az1 +well +[\d.]+s +[\d.]+s ago +0 +- +-$/m);
  });

  test('weir windows shows which windows lack it, and that they are there once it is back', async () => {
    const { out } = await look('windows', '--sink', 'az2', '--unflushed');
    expect(out.match(/unflushed 0 B of \d+ B$/gm)).toHaveLength(6);
    expect((await look('windows', '--sink', 'az3')).err).toContain('--sink: got "az3", expected az1 or az2');
    await send(region.relays[0]!, ['cpu,host=a load=1 1478507520000000000', 'cpu,host=b load=2 1478507520000000000']);
    await eventuallyHolds(
      async () =>
        expect(await status()).toMatch(/^az2 .*\n {2}2 other lines \(\d+ B\) wait for az2, the oldest for [\d.]+s$/m),
      { what: 'az1 to have the other lines, and az2 to lack them' },
    );
    const check = await weir(['check', '--redis', region.redis.url, '--others-critical', '1ms']);
    expect(check).toMatchObject({ code: 2, err: '' });
    expect(check.out).toMatch(
      /; others_az2 [\d.]+s \(above 0\.001s\) \|.* others_az1=0s;300;0\.001;0 others_az2=[\d.]+s;/,
    );
    await proxy.acceptConnections();
    await eventuallyHolds(
      async () => expect((await look('windows', '--sink', 'az2', '--unflushed')).out).toBe('no windows match\n'),
      { what: 'the sink to be filled' },
    );
    await eventuallyHolds(async () => expect(await status()).toMatch(/^ok: (?!.*other lines)/s), {
      what: 'all to be well',
    });
  });

  test('a monitor is warned, and the doctor names the sink', async () => {
    const check = await weir(['check', '--redis', region.redis.url]);
    expect(check.code).toBe(1);
    expect(check.out).toMatch(/^WEIR WARNING - az2 takes nothing .*\[sink-away\] \| .* unflushed_az2=6;10;60;0/);
    const doctor = await look('doctor', '--sink', `${proxy.url}?db=weir`);
    expect(doctor.code).toBe(1);
    expect(doctor.out).toMatch(/^bad +sink az2 +influx-v1, away: sink-unreachable /m);
    expect(doctor.out).toMatch(/^bad +sink http:\/\/\S+ +does not answer: /m);
  });

  test('every JSON is as published', async () => {
    await region.aggregators[0]!.kill();
    await region.aggregators[1]!.kill();
    await send(region.relays[0]!, lines(10, 7));
    await expectAllPublished(await hold('aggregator-2'), 'weir verify: cannot be read: az2\n');
  });
});

test('a relay that windows wait for is named, since when and until when', async () => {
  const short = ['--lateness', '2s', '--hold', '1h'];
  const other = await startRegion({ relays: 2, aggregators: 1, aggregatorSettings: short });
  const lookThere = (...argv: string[]) => weir([...argv, '--redis', other.redis.url, '--utc']);
  await send(other.relay('relay-1'), lines(10));
  await other.relay('relay-2').kill();
  const out = await eventually(
    async () => {
      const { out } = await lookThere('status');
      return out.includes('[seal-waits]') && out.includes('[relay-silent]') && out;
    },
    { what: 'a window to wait for relay-2' },
  );
  expect(out).toMatch(
    /^note: 1 window is due to be sealed and waits for relay-2, last heard of 20\d\d-\S+Z; it holds until 20\d\d-\S+Z\. .* \[seal-waits\]$/m,
  );
  expect(out).toContain('weir relay remove relay-2');
  const [, heard, until] = /last heard of (\S+); it holds until (\S+)\. /.exec(out)!;
  expect(Date.parse(until!) - Date.parse(heard!)).toBe(3_600_000);
  expect((await lookThere('windows')).out).toContain(
    `waits for relay-2, last heard of ${heard}; it holds until ${until}`,
  );
});
