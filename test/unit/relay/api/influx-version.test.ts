import { influxVersion } from '@weir/relay/api/influx-version';

test('the version is one of 1.8 to those who look at its beginning, and a semantic one to those who parse it', () => {
  const version = influxVersion('0.1.0');
  expect(version).toBe('1.8.10-weir.0.1.0');
  expect(influxVersion('1.0.0-rc.1+build 7')).toMatch(/^\d+\.\d+\.\d+-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*$/);
});
