/**
 * The version of InfluxDB that clients are told, on every answer. Some choose by it which API to use, and how: they
 * look whether it begins with `1.`, or read it as a semantic version and compare. 1.8 is the one that has what is here,
 * the 1.x API and the writes of 2.x; Weir's own version stands where such versions have a pre-release. Pure.
 */
export function influxVersion(weirVersion: string): string {
  return `1.8.10-weir.${weirVersion.replace(/[^0-9A-Za-z.-]/g, '-')}`;
}
