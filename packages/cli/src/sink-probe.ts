import { maskUrl } from '@weir/common/setting-values';
import { type DoctorLine, good, line } from './doctor-report.ts';

/** Asks an InfluxDB for its version, as it tells everybody at /ping. No password or token is sent. */
const TIMEOUT_MS = 3_000;

export async function probeSink(url: string): Promise<DoctorLine> {
  const about = `sink ${maskUrl(url)}`;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    return line(about, 'unknown', 'only http(s) sinks can be asked');
  }
  const wanted = new URL(url).searchParams.has('bucket') ? 'the 2.x API (bucket=)' : 'the 1.x API (db=)';
  try {
    const ping = new URL('ping', `${new URL(url).origin}${new URL(url).pathname.replace(/\/?$/, '/')}`);
    const response = await fetch(ping, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'manual' });
    await response.arrayBuffer();
    const version = response.headers.get('x-influxdb-version');
    if (version === null) {
      return line(
        about,
        'bad',
        `answers ${response.status}, and is no InfluxDB`,
        'look what listens there, or what stands before it',
      );
    }
    return good(about, `InfluxDB ${version}, to be written over ${wanted}`);
  } catch (error) {
    const { name, cause } = error as { name?: string; cause?: { code?: string } };
    const code = cause?.code ?? (name === 'TimeoutError' ? `nothing in ${TIMEOUT_MS} ms` : String(error));
    return line(about, 'bad', `does not answer: ${code}`, 'start it, or see whether this machine may reach it');
  }
}
