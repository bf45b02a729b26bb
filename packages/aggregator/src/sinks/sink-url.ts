import { basename } from 'node:path';
import { SettingsError } from '@weir/common/errors';
import { duration, maskUrl, sinkName } from '@weir/common/setting-values';

/**
 * Sink URLs, read and checked once at the start. Pure. Every parameter is known or refused, and a fault is one line that
 * shows the URL without its secrets, since it ends up in logs.
 */
export type SinkSpec = InfluxV1Spec | InfluxV2Spec | FileSpec | StdoutSpec;

interface InfluxSpec {
  readonly name: string;
  /** Scheme, host, port and path, without a slash at the end and without parameters. */
  readonly url: string;
  readonly readback: boolean;
  /** The longest wait for the answer to one request. */
  readonly timeoutMs: number;
}

export interface InfluxV1Spec extends InfluxSpec {
  readonly kind: 'influx-v1';
  readonly db: string;
  readonly rp?: string;
  readonly login?: { readonly username: string; readonly password: string };
}

export interface InfluxV2Spec extends InfluxSpec {
  readonly kind: 'influx-v2';
  readonly org: string;
  readonly bucket: string;
  readonly token?: string;
}

export interface FileSpec {
  readonly kind: 'file';
  readonly name: string;
  readonly path: string;
}

export interface StdoutSpec {
  readonly kind: 'stdout';
  readonly name: string;
}

const EXPECTED =
  'http(s)://host:8086?db=events[&rp=][&u=&p=], http(s)://host:8086?org=o&bucket=b[&token=], file:<path> or stdout:';
const V1_PARAMETERS = ['db', 'rp', 'u', 'p', 'name', 'readback', 'timeout'];
const V2_PARAMETERS = ['org', 'bucket', 'token', 'name', 'readback', 'timeout'];
const DEFAULT_TIMEOUT_MS = 10_000;
const TIMEOUT = duration({ minMs: 100, maxMs: 300_000 });

export interface SinkUrlOptions {
  /** What the fault names: the flag or variable the URL came from. */
  setting?: string;
  /** WEIR_SINK_TOKEN, for every 2.x sink that brings no token of its own. */
  token?: string | undefined;
}

/** All sinks of a process. Two of one name would share one ledger of confirmed windows, and each miss what the other got. */
export function parseSinkUrls(texts: readonly string[], options: SinkUrlOptions = {}): SinkSpec[] {
  const specs = new Map<string, SinkSpec>();
  for (const text of texts) {
    const spec = parseSinkUrl(text, options);
    if (specs.has(spec.name)) {
      fail(options, text, `a name of its own: two sinks are named ${spec.name} (tell them apart with name=)`);
    }
    specs.set(spec.name, spec);
  }
  return [...specs.values()];
}

export function parseSinkUrl(text: string, options: SinkUrlOptions = {}): SinkSpec {
  const reader = new ParameterReader(text, options);
  const scheme = /^([a-z]+):/i.exec(text)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'http':
    case 'https':
      return parseInflux(reader, options);
    case 'file':
      return parseFile(reader);
    case 'stdout':
      if (reader.address.length > 'stdout:'.length) reader.fail('stdout: and nothing after it but ?name=');
      reader.allow(['name']);
      return { kind: 'stdout', name: reader.name('stdout') };
    default:
      return reader.fail(EXPECTED);
  }
}

function parseFile(reader: ParameterReader): FileSpec {
  reader.allow(['name']);
  // Both file:relative/path and the URL form file:///absolute/path; the path is taken as it stands, up to a `?`.
  const path = reader.address.slice('file:'.length).replace(/^\/\/(?=\/)/, '');
  if (path === '' || path.endsWith('/') || path.startsWith('//')) reader.fail('file:<path of a file>');
  return { kind: 'file', name: reader.name(`file:${basename(path)}`), path };
}

function parseInflux(reader: ParameterReader, { token }: SinkUrlOptions): InfluxV1Spec | InfluxV2Spec {
  const at = parseAddress(reader);
  const isV1 = reader.has('db');
  if (isV1 && (reader.has('bucket') || reader.has('org'))) {
    reader.fail('either db= (InfluxDB 1.x) or org= and bucket= (2.x), not both');
  }
  if (!isV1 && !reader.has('bucket') && !reader.has('org')) {
    reader.fail('db=<database> (InfluxDB 1.x) or org=<organization>&bucket=<bucket> (2.x)');
  }
  reader.allow(isV1 ? V1_PARAMETERS : V2_PARAMETERS);
  const common = { url: at.url, readback: reader.readback(), timeoutMs: reader.timeoutMs() };
  if (!isV1) {
    const org = reader.required('org');
    const bucket = reader.required('bucket');
    const ownToken = reader.optional('token') ?? token;
    const name = reader.name(`${at.label}/${encodeURIComponent(bucket)}`);
    return { kind: 'influx-v2', name, ...common, org, bucket, ...(ownToken ? { token: ownToken } : {}) };
  }
  const db = reader.required('db');
  const rp = reader.optional('rp');
  if (reader.has('u') !== reader.has('p')) reader.fail('u= and p= together, or neither');
  const login = reader.has('u') ? { username: reader.required('u'), password: reader.text('p') } : undefined;
  const name = reader.name([at.label, ...[db, rp ?? []].flat().map(encodeURIComponent)].join('/'));
  return { kind: 'influx-v1', name, ...common, db, ...(rp ? { rp } : {}), ...(login ? { login } : {}) };
}

function parseAddress(reader: ParameterReader): { url: string; label: string } {
  // Checked on the text, because a parsed URL no longer tells `https://host:443` from `https://host`.
  const authority = /^https?:\/\/([^/]*)/i.exec(reader.address)?.[1] ?? '';
  if (authority.includes('@')) reader.fail('the user in u= and p= (1.x) or a token (2.x), not before the host');
  const port = /^(?:\[[0-9a-f:.]+\]|[^:[\]]+):([0-9]{1,5})$/i.exec(authority)?.[1];
  if (port === undefined || !URL.canParse(reader.address)) reader.fail('http(s)://<host>:<port> before the ?');
  const { protocol, hostname, pathname } = new URL(reader.address);
  const path = pathname.replace(/\/+$/, '');
  const label = `${hostname}:${Number(port)}${path}`;
  return { url: `${protocol}//${label}`, label };
}

/** The parameters behind the `?`, each at most once, and the one-line faults about them. */
class ParameterReader {
  /** The text before the `?`. */
  readonly address: string;
  readonly #text: string;
  readonly #options: SinkUrlOptions;
  readonly #values = new Map<string, string>();

  constructor(text: string, options: SinkUrlOptions) {
    this.#text = text;
    this.#options = options;
    const queryAt = text.indexOf('?');
    this.address = queryAt < 0 ? text : text.slice(0, queryAt);
    if (/[\s\p{C}]/u.test(text)) this.fail('a URL without spaces and control characters (write them as %20 and so on)');
    if (queryAt < 0) return;
    for (const part of text.slice(queryAt + 1).split('&')) {
      const [, key = '', value = ''] = /^([^=]*)=?(.*)$/.exec(part) ?? [];
      if (this.#values.has(key)) this.fail(`the parameter ${key}= once`);
      this.#values.set(key, this.#decode(value));
    }
  }

  allow(keys: readonly string[]): void {
    for (const key of this.#values.keys()) {
      if (!keys.includes(key)) this.fail(`no parameters but ${keys.join(', ')}; unknown is ${key}`);
    }
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  text(key: string): string {
    return this.#values.get(key) ?? '';
  }

  optional(key: string): string | undefined {
    return this.has(key) ? this.required(key) : undefined;
  }

  required(key: string): string {
    return this.#values.get(key) || this.fail(`a value for ${key}=`);
  }

  name(byDefault: string): string {
    const own = this.has('name');
    const name = sinkName.schema.safeParse(own ? this.text('name') : byDefault);
    if (name.success) return name.data;
    return this.fail(
      own ? `as name= ${sinkName.expected}` : `a name= (from this URL none can be made): ${sinkName.expected}`,
    );
  }

  readback(): boolean {
    const value = this.#values.get('readback') ?? 'on';
    if (value !== 'on' && value !== 'off') this.fail('readback=on or readback=off');
    return value === 'on';
  }

  timeoutMs(): number {
    if (!this.has('timeout')) return DEFAULT_TIMEOUT_MS;
    const timeout = TIMEOUT.schema.safeParse(this.text('timeout'));
    return timeout.success ? timeout.data : this.fail(`as timeout= ${TIMEOUT.expected}`);
  }

  /** Percent escapes only: InfluxDB's tokens contain `+`, which a form decoder would turn into a space. */
  #decode(value: string): string {
    try {
      return decodeURIComponent(value);
    } catch {
      return this.fail('percent signs written as %25');
    }
  }

  fail(expected: string): never {
    return fail(this.#options, this.#text, expected);
  }
}

function fail({ setting = '--sink' }: SinkUrlOptions, text: string, expected: string): never {
  throw new SettingsError(`${setting}: got ${JSON.stringify(maskUrl(text))}, expected ${expected}`);
}
