import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Totals } from '@weir/common/event';
import { Child } from '../../test/support/child.ts';
import { type DebianProgram, debianProgram } from '../../test/support/debian-package.ts';
import { freePort } from '../../test/support/free-port.ts';
import { Server, startOnFreePort } from '../../test/support/server.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { LineForm } from '../load/event-pool.ts';
import { totalsKey } from '../load/expected-totals.ts';
import { type RemoteWriteReceiver, startRemoteWriteReceiver } from './remote-write-receiver.ts';

/**
 * vmagent (VictoriaMetrics) as a counter of events: its stream aggregation counts samples and series, per minute, event
 * type and product. A series is an event type, product and user, so the number of series is the number of different
 * users. It takes the same lines over the same HTTP, keeps its state in memory, and writes its totals to a receiver of ours.
 */
export const vmagentLine: LineForm = ({ eventType, product, user }) => ({
  head: `event,event_type=${eventType},product=${product},user=${user} value=1`,
  stamped: true,
});

/** A minute begins when vmagent starts, so that a run is within one; what is not written at its end is when it stops. */
const AGGREGATION = `- interval: 1m
  no_align_flush_to_interval: true
  flush_on_shutdown: true
  by: [event_type, product]
  outputs: [count_samples, count_series]
`;

export function findVmagent(): Promise<DebianProgram> {
  return debianProgram({ packageName: 'victoria-metrics', program: 'vmagent', probeArgs: ['-version'] });
}

export async function startVmagent(): Promise<Vmagent> {
  const program = await findVmagent();
  const receiver = await startRemoteWriteReceiver();
  const dir = await tempDir('vmagent');
  await writeFile(join(dir, 'aggregation.yml'), AGGREGATION);
  return startOnFreePort(async () => new Vmagent(await freePort(), dir, program, receiver));
}

export class Vmagent extends Server {
  readonly version: string;
  readonly #program: string;
  readonly #receiver: RemoteWriteReceiver;

  constructor(port: number, dir: string, { path, version }: DebianProgram, receiver: RemoteWriteReceiver) {
    super('vmagent', port, dir);
    this.version = version;
    this.#program = path;
    this.#receiver = receiver;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Stops it, and answers what it wrote, as of the one window `windowSec`. Throws when a minute ended on the way. */
  async finish(windowSec: number): Promise<Map<string, Totals>> {
    await this.stop();
    const totals = new Map<string, Totals>();
    for (const { labels, values } of this.#receiver.series) {
      const [eventType, product] = [labels.get('event_type') ?? '', labels.get('product') ?? ''];
      const key = totalsKey({ windowSec, eventType, product });
      const held = totals.get(key) ?? { events: 0, users: 0 };
      const field = labels.get('__name__')?.endsWith('_count_samples') ? 'events' : 'users';
      if (values.length !== 1 || held[field] !== 0) {
        throw new Error(`vmagent wrote ${key} in two minutes: the run was longer than one, or fewer events are needed`);
      }
      totals.set(key, { ...held, [field]: values[0]! });
    }
    return totals;
  }

  protected override launch(): Promise<Child> {
    const args = [
      `-httpListenAddr=${this.address}`,
      `-remoteWrite.url=${this.#receiver.url}`,
      '-remoteWrite.forcePromProto',
      `-remoteWrite.tmpDataPath=${join(this.dir, 'queue')}`,
      `-streamAggr.config=${join(this.dir, 'aggregation.yml')}`,
      '-influxSkipSingleField',
    ];
    return Child.start({ name: this.name, command: this.#program, args });
  }

  protected override async answers(): Promise<boolean> {
    const response = await fetch(`http://${this.address}/health`, { signal: AbortSignal.timeout(1000) });
    return response.ok;
  }
}
