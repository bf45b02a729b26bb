import { Metrics } from '@weir/common/metrics';

describe('metrics', () => {
  test('are exposed as text, each process its own', async () => {
    const [one, other] = [new Metrics(), new Metrics()];
    const lines = one.counter({ name: 'weir_relay_lines_received_total', help: 'Lines.', labelNames: ['door'] });
    lines.inc({ door: 'http' }, 3);
    one.gauge({ name: 'weir_relay_open_windows', help: 'Windows.' }, (gauge) => gauge.set(7));
    one.histogram({ name: 'weir_relay_append_seconds', help: 'Append.', buckets: [0.1, 1] }).observe(0.5);
    const text = await one.text();
    expect(text).toContain('weir_relay_lines_received_total{door="http"} 3');
    expect(text).toContain('weir_relay_open_windows 7');
    expect(text).toContain('weir_relay_append_seconds_bucket{le="1"} 1');
    expect((await other.text()).trim()).toBe('');
    expect(one.contentType).toContain('text/plain');
  });

  test('of Node itself are there once asked for', async () => {
    const metrics = new Metrics();
    metrics.collectProcessMetrics();
    expect(await metrics.text()).toContain('process_cpu_seconds_total');
  });

  test('keep the naming convention', () => {
    const metrics = new Metrics();
    expect(() => metrics.gauge({ name: 'lines', help: '' })).toThrow('not a metric name');
    expect(() => metrics.gauge({ name: 'weir_cli_lines', help: '' })).toThrow('not a metric name');
    expect(() => metrics.counter({ name: 'weir_relay_lines', help: '' })).toThrow('_total');
  });
});
