import { rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DEFAULT_SHAPE, type PointShape } from '@weir/common/point-shape';
import { type InfluxV2Spec, parseSinkUrl } from '@weir/common/sink-url';
import { InfluxV2Sink } from '@weir/sinks/influx-v2';
import type { SinkPoint } from '@weir/sinks/sink';
import { cleanup } from '../support/cleanup.ts';
import { eventually } from '../support/eventually.ts';
import { tempDir } from '../support/temp-dir.ts';

/**
 * Debian has no InfluxDB 2, so a small HTTP server stands in for it: it records what it was sent and gives the answers
 * that InfluxDB 2 documents. What it cannot show is that a real InfluxDB 2 accepts the Flux and the lines.
 */
interface Recorded {
  method: string;
  path: string;
  query: URLSearchParams;
  token: string | undefined;
  encoding: string | undefined;
  body: string;
  closed: boolean;
}

type Answer = (request: Recorded, response: ServerResponse) => void;

async function startStandIn(answer: Answer): Promise<{ url: string; requests: Recorded[] }> {
  const requests: Recorded[] = [];
  const server = createServer((message, response) => {
    void record(message).then((request) => {
      requests.push(request);
      message.socket.once('close', () => {
        request.closed = true;
      });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup('stand-in for InfluxDB 2', () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

async function record(message: IncomingMessage): Promise<Recorded> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  const raw = Buffer.concat(chunks);
  const encoding = message.headers['content-encoding'];
  const body = (encoding === 'gzip' ? gunzipSync(raw) : raw).toString();
  const { pathname, searchParams } = new URL(message.url ?? '', 'http://stand-in');
  const token = message.headers.authorization;
  return { method: message.method ?? '', path: pathname, query: searchParams, token, encoding, body, closed: false };
}

function openSink(url: string, parameters = '', shape = DEFAULT_SHAPE): InfluxV2Sink {
  const spec = parseSinkUrl(`${url}?org=my%20org&bucket=b%22%2F1${parameters}`, { token: 'hush' }) as InfluxV2Spec;
  const sink = new InfluxV2Sink(spec, shape);
  cleanup('2.x sink', () => sink.close());
  return sink;
}

const json = (status: number, body: unknown): Answer => {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
  };
};
const csv = (lines: readonly string[]) => lines.map((line) => `${line}\r\n`).join('');
const csvAnswer = (unique: string, cumulative: string): Answer => {
  return ({ body }, response) => {
    response.setHeader('content-type', 'text/csv; charset=utf-8');
    response.end(body.includes('cumulative_user_event') ? cumulative : unique);
  };
};

const MINUTE = { startSec: 1478507520, windowSec: 60 };
const POINTS: SinkPoint[] = [
  { measurement: 'cumulative_user_event', eventType: 'http 5xx', product: '__proto__', value: 2 },
  { measurement: 'unique_user_event', eventType: 'http 5xx', product: '__proto__', value: 1 },
];

describe('writing to an InfluxDB 2.x sink', () => {
  test('posts lines to the bucket with the token, and is done on 204', async () => {
    const { url, requests } = await startStandIn((_request, response) => response.writeHead(204).end());
    await expect(openSink(url).write(MINUTE, POINTS)).resolves.toEqual({ rejected: [] });
    expect(requests.map(({ method, path, token }) => [method, path, token])).toEqual([
      ['POST', '/api/v2/write', 'Token hush'],
      ['POST', '/api/v2/write', 'Token hush'],
    ]);
    expect([...(requests[0]?.query ?? [])]).toEqual([
      ['org', 'my org'],
      ['bucket', 'b"/1'],
      ['precision', 'ns'],
    ]);
    expect(requests.map(({ body }) => body)).toEqual([
      'unique_user_event,event_type=http\\ 5xx,product=__proto__ value=1 1478507520000000000',
      'cumulative_user_event,event_type=http\\ 5xx,product=__proto__ value=2 1478507520000000000',
    ]);
  });

  test('sends large windows in several gzipped requests that lose nothing', async () => {
    const { url, requests } = await startStandIn((_request, response) => response.writeHead(204).end());
    const points = Array.from({ length: 23_456 }, (_, at): SinkPoint => {
      return { measurement: 'unique_user_event', eventType: `type ${at}`, product: 'p', value: at };
    });
    await openSink(url, '&gzip=on').write(MINUTE, points);
    expect(requests).toHaveLength(3);
    const lines = requests.flatMap(({ body }) => body.split('\n'));
    expect(lines).toHaveLength(23_456);
    expect(lines[23_455]).toBe('unique_user_event,event_type=type\\ 23455,product=p value=23455 1478507520000000000');
    expect(requests.map(({ encoding }) => encoding)).toEqual(['gzip', 'gzip', 'gzip']);
    await openSink(url).write(MINUTE, points.slice(0, 1_000));
    expect(requests.at(-1)).toMatchObject({ encoding: undefined, body: lines.slice(0, 1_000).join('\n') });
  });

  test.each([200, 201, 202])('is not done on HTTP %i', async (status) => {
    const { url, requests } = await startStandIn((_request, response) => response.writeHead(status).end());
    const error = { code: 'sink-bad-answer', outcome: 'unknown' };
    await expect(openSink(url).write(MINUTE, POINTS)).rejects.toMatchObject(error);
    expect(requests).toHaveLength(1);
  });

  test('rejects only the points that are refused', async () => {
    const message = 'failure writing points to database: partial write: field type conflict: … dropped=1';
    const { url } = await startStandIn((request, response) => {
      if (!request.body.includes('unique')) return response.writeHead(204).end();
      return json(422, { code: 'unprocessable entity', message })(request, response);
    });
    await expect(openSink(url).write(MINUTE, POINTS)).resolves.toEqual({
      rejected: [{ point: POINTS[1], line: expect.stringMatching(/^unique_user_event,/), reason: message }],
    });
  });

  test.each([
    [401, { code: 'unauthorized', message: 'unauthorized access' }, 'sink-unauthorized', 'unauthorized access'],
    [404, { code: 'not found', message: 'bucket "b" not found' }, 'sink-refused', 'influx bucket create'],
    [400, { code: 'invalid', message: 'invalid org' }, 'sink-refused', 'invalid org'],
    [503, { code: 'unavailable', message: 'shutting down' }, 'sink-unavailable', 'shutting down'],
  ])('fails once, and says why, on HTTP %i', async (status, body, code, words) => {
    const { url, requests } = await startStandIn(json(status, body));
    await expect(openSink(url).write(MINUTE, POINTS)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
    expect(requests).toHaveLength(1);
  });

  test('hangs up on a server that does not answer', async () => {
    const { url, requests } = await startStandIn(() => undefined);
    const write = openSink(url, '&timeout=200ms').write(MINUTE, POINTS);
    await expect(write).rejects.toMatchObject({ code: 'sink-timeout', outcome: 'unknown' });
    await eventually(() => requests[0]?.closed, { what: 'the connection to be closed' });
    expect(requests).toHaveLength(1);
  });

  test('hangs up when the caller gives up', async () => {
    const { url, requests } = await startStandIn(() => undefined);
    const caller = new AbortController();
    const write = openSink(url).write(MINUTE, POINTS, caller.signal);
    await eventually(() => requests.length === 1, { what: 'the request to arrive' });
    caller.abort();
    await expect(write).rejects.toMatchObject({ code: 'sink-aborted', outcome: 'unknown' });
    await eventually(() => requests[0]?.closed, { what: 'the connection to be closed' });
  });
});

describe('the token of an InfluxDB 2.x sink', () => {
  const only = (token: string): Answer => {
    return (request, response) => {
      if (request.token === `Token ${token}`) response.writeHead(204).end();
      else json(401, { code: 'unauthorized', message: 'unauthorized access' })(request, response);
    };
  };
  async function tokenFile(text: string): Promise<string> {
    const path = join(await tempDir('token'), 'token');
    await writeFile(path, text);
    return path;
  }

  test('in a file is read again when it is not taken, and the request is tried once more', async () => {
    let taken = 'first';
    const { url, requests } = await startStandIn((request, response) => only(taken)(request, response));
    const path = await tokenFile('first\n');
    const sink = openSink(url, `&token-file=${path}`);
    await expect(sink.writeLines(['m v=1 1'])).resolves.toEqual({ rejected: [] });
    taken = 'second';
    await writeFile(path, 'second\n');
    await expect(sink.writeLines(['m v=2 2'])).resolves.toEqual({ rejected: [] });
    expect(requests.map(({ token, body }) => [token, body])).toEqual([
      ['Token first', 'm v=1 1'],
      ['Token first', 'm v=2 2'],
      ['Token second', 'm v=2 2'],
    ]);
    await expect(sink.writeLines(['m v=3 3'])).resolves.toEqual({ rejected: [] });
    expect(requests).toHaveLength(4);
  });

  test('in a file that did not change is not tried again, and the error says where it comes from', async () => {
    const { url, requests } = await startStandIn(only('other'));
    const path = await tokenFile('wrong');
    const sink = openSink(url, `&token-file=${path}`);
    const refusal = { code: 'sink-unauthorized', outcome: 'not-applied' };
    await expect(sink.writeLines(['m v=1 1'])).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining(`(with the token in ${path})`),
    });
    expect(requests).toHaveLength(1);
    await writeFile(path, 'two words');
    await expect(sink.writeLines(['m v=1 1'])).rejects.toMatchObject({
      ...refusal,
      message: expect.stringMatching(/token-file=\S+ of sink \S+ \(holds none\), expected a file with a token/),
    });
    await rm(path);
    await expect(sink.writeLines(['m v=1 1'])).rejects.toMatchObject({ message: expect.stringContaining('ENOENT') });
    expect(requests.map(({ token }) => token)).toEqual(['Token wrong', 'Token wrong', 'Token wrong']);
  });

  test('in a file is read again at SIGHUP, too', async () => {
    const { url, requests } = await startStandIn(only('second'));
    const path = await tokenFile('first');
    const sink = openSink(url, `&token-file=${path}`);
    await writeFile(path, 'second');
    sink.reload();
    await sink.writeLines(['m v=1 1']);
    await rm(path);
    expect(() => sink.reload()).toThrow(`token-file=${path}`);
    await sink.writeLines(['m v=2 2']);
    expect(requests.map(({ token }) => token)).toEqual(['Token second', 'Token second']);
  });

  test('has to be in its file at the start', () => {
    expect(() => openSink('http://127.0.0.1:1', '&token-file=/nowhere/token')).toThrow(
      '--sink: got token-file=/nowhere/token of sink 127.0.0.1:1/b%22%2F1 (ENOENT), expected a file with a token and nothing else',
    );
  });

  test('is never in the message of a refusal', async () => {
    const { url } = await startStandIn(only('other'));
    await expect(openSink(url).writeLines(['m v=1 1'])).rejects.toMatchObject({
      code: 'sink-unauthorized',
      message: expect.not.stringContaining('hush'),
    });
  });
});

const HEAD = [
  '#datatype,string,long,dateTime:RFC3339,double,string,string,string,string',
  '#group,false,false,false,false,false,false,false,false',
  '#default,_result,,,,,,,',
  ',result,table,_time,_value,_measurement,event_type,product,host',
];
const ROW = ',,0,2016-11-07T08:32:00Z';

describe('reading back from an InfluxDB 2.x sink', () => {
  test('asks for the one moment of each measurement', async () => {
    const { url, requests } = await startStandIn(csvAnswer('', ''));
    expect(await openSink(url).read(MINUTE)).toEqual([]);
    expect(requests.map(({ path, token }) => [path, token])).toEqual([
      ['/api/v2/query', 'Token hush'],
      ['/api/v2/query', 'Token hush'],
    ]);
    expect(JSON.parse(requests[0]?.body ?? '')).toMatchObject({
      type: 'flux',
      query: [
        'from(bucket: "b\\"/1")',
        '  |> range(start: time(v: "2016-11-07T08:32:00.000Z"), stop: time(v: "2016-11-07T08:32:00.000000001Z"))',
        '  |> filter(fn: (r) => r._measurement == "unique_user_event" and r._field == "value")',
        '  |> group()',
        '  |> drop(columns: ["_start", "_stop", "_field"])',
      ].join('\n'),
    });
  });

  test('takes the points of the two tags, whatever the names, and no others', async () => {
    const unique = csv([
      ...HEAD,
      `${ROW},1,unique_user_event,"a,b ""c""",\\ 🦦=,`,
      `${ROW},2.5,unique_user_event,__proto__,p,`,
      `${ROW},3,unique_user_event,a,p,some-host`,
      `${ROW},4,unique_user_event,a,,`,
      '',
    ]);
    const cumulative = csv([
      ...HEAD.map((line) => line.replace(',double,', ',long,').replace(/,[^,]*$/, '')),
      `${ROW},7,cumulative_user_event,a,p`,
      '',
    ]);
    const { url } = await startStandIn(csvAnswer(unique, cumulative));
    expect(await openSink(url).read(MINUTE)).toEqual([
      { measurement: 'unique_user_event', eventType: 'a,b "c"', product: '\\ 🦦=', value: 1 },
      { measurement: 'unique_user_event', eventType: '__proto__', product: 'p', value: 2.5 },
      { measurement: 'cumulative_user_event', eventType: 'a', product: 'p', value: 7 },
    ]);
  });

  test('asks for the names and time of the deployment, and takes only points with its tags', async () => {
    const shape: PointShape = {
      names: { unique_user_event: 'users "all"', cumulative_user_event: 'events' },
      tags: [{ key: 'host', value: 'some host' }],
      time: 'end',
    };
    const unique = csv([
      ...HEAD,
      `${ROW},1,users,a,p,some host`,
      `${ROW},2,users,b,p,`,
      `${ROW},3,users,c,p,other`,
      '',
    ]);
    const answers: string[] = [];
    const { url, requests } = await startStandIn((request, response) => {
      answers.push(request.body);
      csvAnswer(answers.length === 1 ? unique : '', '')(request, response);
    });
    expect(await openSink(url, '', shape).read(MINUTE)).toEqual([
      { measurement: 'unique_user_event', eventType: 'a', product: 'p', value: 1 },
    ]);
    const [first, second] = requests.map(({ body }) => (JSON.parse(body) as { query: string }).query);
    expect(first).toContain('r._measurement == "users \\"all\\""');
    expect(first).toContain('start: time(v: "2016-11-07T08:33:00.000Z")');
    expect(second).toContain('r._measurement == "events"');
  });

  test('fails where the query fails on the way', async () => {
    const failed = csv([
      '#datatype,string,string',
      '#group,true,true',
      '#default,,',
      ',error,reference',
      ',out of memory,897',
    ]);
    const { url } = await startStandIn(csvAnswer(csv([...HEAD, `${ROW},1,unique_user_event,a,p,`, '']) + failed, ''));
    await expect(openSink(url).read(MINUTE)).rejects.toMatchObject({
      code: 'sink-refused',
      message: expect.stringContaining('out of memory'),
    });
  });

  test('fails where the answer is cut short', async () => {
    const { url } = await startStandIn((_request, response) => {
      response.setHeader('content-type', 'text/csv');
      response.write(csv([...HEAD, `${ROW},1,unique_user_event,a,p,`]), () => response.destroy());
    });
    await expect(openSink(url).read(MINUTE)).rejects.toMatchObject({ code: 'sink-unreachable' });
  });

  test('gives up a silent server, not a slow one', async () => {
    const { url, requests } = await startStandIn((request, response) => {
      if (request.body.includes('cumulative')) return;
      const lines = [...HEAD, ...Array.from({ length: 8 }, (_, at) => `${ROW},${at},unique_user_event,a${at},p,`)];
      const timer = setInterval(() => {
        const line = lines.shift();
        if (line !== undefined) return void response.write(`${line}\r\n`);
        clearInterval(timer);
        response.end();
      }, 50);
    });
    const read = openSink(url, '&timeout=300ms').read(MINUTE);
    await expect(read).rejects.toMatchObject({ code: 'sink-timeout' });
    // The first measurement took twice the timeout and came whole; the second never began.
    expect(requests).toHaveLength(2);
    await eventually(() => requests[1]?.closed, { what: 'the connection to be closed' });
  });

  test.each(['<html>\nhello\n</html>', '{"status":"ok"}'])(
    'fails on the answer of another server: %j',
    async (text) => {
      const { url } = await startStandIn(csvAnswer(text, ''));
      await expect(openSink(url).read(MINUTE)).rejects.toMatchObject({ code: 'sink-bad-answer' });
    },
  );
});
