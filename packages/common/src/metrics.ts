import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The metrics of one process. A registry of its own instead of prom-client's global one, so that several services run
 * in one test. Names say program, thing and unit: `weir_relay_lines_received_total`, `weir_aggregator_fold_seconds`.
 */
export interface MetricOptions<L extends string = string> {
  name: string;
  help: string;
  labelNames?: readonly L[];
}

const NAME = /^weir_(relay|aggregator)_[a-z0-9]+(_[a-z0-9]+)*$/;

export class Metrics {
  readonly #registry = new Registry();

  /** Adds Node's own process metrics (`process_…`, `nodejs_…`). They watch the event loop until `stop` of the process. */
  collectProcessMetrics(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  counter<L extends string = never>(options: MetricOptions<L>): Counter<L> {
    checkName(options.name);
    if (!options.name.endsWith('_total')) throw new TypeError(`a counter's name ends with _total: ${options.name}`);
    return new Counter({ ...named(options), registers: [this.#registry] });
  }

  /** `collect` is called at every scrape, for values that are cheaper to read than to follow. */
  gauge<L extends string = never>(options: MetricOptions<L>, collect?: (gauge: Gauge<L>) => void): Gauge<L> {
    checkName(options.name);
    const withCollect = collect
      ? {
          collect(this: Gauge<L>) {
            collect(this);
          },
        }
      : {};
    return new Gauge({ ...named(options), ...withCollect, registers: [this.#registry] });
  }

  histogram<L extends string = never>(options: MetricOptions<L> & { buckets: number[] }): Histogram<L> {
    checkName(options.name);
    return new Histogram({ ...named(options), buckets: options.buckets, registers: [this.#registry] });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The Prometheus text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

function checkName(name: string): void {
  if (!NAME.test(name)) throw new TypeError(`not a metric name of ours: ${name}`);
}

function named<L extends string>({ name, help, labelNames = [] }: MetricOptions<L>) {
  return { name, help, labelNames: [...labelNames] };
}
