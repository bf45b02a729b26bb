import { Writable } from 'node:stream';
import type { Deployment } from '@weir/common/deployment';
import { CUMULATIVE_USER_EVENT, UNIQUE_USER_EVENT } from '@weir/common/line-encode';
import { silentLogger } from '@weir/common/logger';
import { type PointShape, pointTags } from '@weir/common/point-shape';
import { parseSinkUrls, type SinkSpec } from '@weir/common/sink-url';
import { openSink } from '@weir/sinks/open-sink';
import { type Sink, SinkError, type SinkWindow } from '@weir/sinks/sink';
import { refused } from '../acting.ts';
import { type CommandContext, UsageError } from '../command-context.ts';
import { deploymentSinks } from '../sinks/deployment-sinks.ts';
import { sinkText } from '../sinks/sink-text.ts';
import type { HeldBySink } from './differences.ts';

/** The databases behind the URLs that the command was given, to be read window by window. */
export interface VerifiedSink {
  name: string;
  /** `not-given`: no URL says where it is. `write-only`: it cannot be read back at all. `failing`: it could not be read. */
  state: 'read' | 'failing' | 'write-only' | 'not-given';
  error: string | null;
}

/** Throws where the URLs cannot be used, or none of them is of a sink of this deployment that can be read. */
export function sinkSpecs({ flags, env }: CommandContext, recorded: Partial<Deployment>): SinkSpec[] {
  const found = flags.find('sink');
  const name = found?.name ?? '--sink';
  const urls = flags.readMany('sink', sinkText);
  if (urls.length === 0)
    throw new UsageError('--sink: got none, expected the URLs that the aggregators are started with');
  const specs = parseSinkUrls(urls, { setting: name, token: env.WEIR_SINK_TOKEN || undefined });
  const names = deploymentSinks(recorded);
  for (const spec of specs) {
    if (names.includes(spec.name)) continue;
    throw refused(`${spec.name} is no sink of this deployment (name=); its sinks are ${names.join(', ')}`);
  }
  return specs;
}

/** As the deployment has it recorded; what was recorded by a version without it is the default. */
export function recordedShape(recorded: Partial<Deployment>): PointShape {
  return {
    names: {
      [UNIQUE_USER_EVENT]: recorded.uniqueMeasurement ?? UNIQUE_USER_EVENT,
      [CUMULATIVE_USER_EVENT]: recorded.cumulativeMeasurement ?? CUMULATIVE_USER_EVENT,
    },
    tags: pointTags.schema.parse(recorded.pointTags ?? ''),
    time: recorded.pointTime === 'end' ? 'end' : 'start',
  };
}

export class ReadSinks {
  readonly states: readonly VerifiedSink[];
  readonly #open = new Map<string, Sink>();

  constructor(specs: readonly SinkSpec[], shape: PointShape, names: readonly string[]) {
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    for (const spec of specs) {
      if (spec.kind === 'file' || spec.kind === 'stdout' || !spec.readback) continue;
      this.#open.set(spec.name, openSink(spec, { shape, stdout: nowhere, logger: silentLogger }));
    }
    const given = new Set(specs.map(({ name }) => name));
    this.states = names.map((name) => {
      const state = this.#open.has(name) ? 'read' : given.has(name) ? 'write-only' : 'not-given';
      return { name, state, error: null };
    });
  }

  sink(name: string): Sink | undefined {
    return this.#open.get(name);
  }

  /** Of all that answer. One that does not is not asked again: each try would take as long as the first. */
  async read(window: SinkWindow, signal: AbortSignal): Promise<HeldBySink[]> {
    const all = [...this.#open].map(async ([name, sink]): Promise<HeldBySink | undefined> => {
      try {
        return { sink: name, points: await sink.read(window, signal) };
      } catch (error) {
        if (!(error instanceof SinkError) || signal.aborted) throw error;
        await this.fail(name, error);
        return undefined;
      }
    });
    const held = await Promise.allSettled(all);
    return held.flatMap((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value ?? [];
    });
  }

  async fail(name: string, error: SinkError): Promise<void> {
    const state = this.states.find((each) => each.name === name)!;
    Object.assign(state, {
      state: 'failing',
      error: `${error.code}: ${error.message}`,
    } satisfies Partial<VerifiedSink>);
    const sink = this.#open.get(name);
    this.#open.delete(name);
    await sink?.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((sink) => sink.close()));
  }
}
