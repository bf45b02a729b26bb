import { basename } from 'node:path';
import { duration } from './setting-values.ts';
import { failUrl, type SinkUrlOptions, UrlParameters } from './url-parameters.ts';

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
  /** Large bodies are sent gzipped: for a sink that is far away. */
  readonly gzip: boolean;
  /** Where the URL is https. */
  readonly tls?: TlsSpec;
}

/** Paths of files in PEM. */
export interface TlsSpec {
  /** Whom to trust instead of those that the system trusts. */
  readonly ca?: string;
  /** What this side shows of itself. */
  readonly client?: { readonly cert: string; readonly key: string };
  /** Whoever answers is believed to be the sink. */
  readonly insecure: boolean;
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
  readonly token?: TokenSpec;
}

/** The token itself, or the path of a file with nothing else in it. */
export type TokenSpec = { readonly text: string } | { readonly file: string };

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
const COMMON_PARAMETERS = ['name', 'readback', 'timeout', 'gzip', 'ca', 'cert', 'key', 'insecure'];
const V1_PARAMETERS = ['db', 'rp', 'u', 'p', ...COMMON_PARAMETERS];
const V2_PARAMETERS = ['org', 'bucket', 'token', 'token-file', ...COMMON_PARAMETERS];
const DEFAULT_TIMEOUT_MS = 10_000;
const TIMEOUT = duration({ minMs: 100, maxMs: 300_000 });

/** All sinks of a process. Two of one name would share one ledger of confirmed windows, and each miss what the other got. */
export function parseSinkUrls(texts: readonly string[], options: SinkUrlOptions = {}): SinkSpec[] {
  const specs = new Map<string, SinkSpec>();
  for (const text of texts) {
    const spec = parseSinkUrl(text, options);
    if (specs.has(spec.name)) {
      failUrl(options, text, `a name of its own: two sinks are named ${spec.name} (tell them apart with name=)`);
    }
    specs.set(spec.name, spec);
  }
  return [...specs.values()];
}

export function parseSinkUrl(text: string, options: SinkUrlOptions = {}): SinkSpec {
  const parameters = new UrlParameters(text, options);
  const scheme = /^([a-z]+):/i.exec(text)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'http':
    case 'https':
      return parseInflux(parameters, options);
    case 'file':
      return parseFile(parameters);
    case 'stdout':
      if (parameters.address.length > 'stdout:'.length) parameters.fail('stdout: and nothing after it but ?name=');
      parameters.allow(['name']);
      return { kind: 'stdout', name: parameters.name('stdout') };
    default:
      return parameters.fail(EXPECTED);
  }
}

function parseFile(parameters: UrlParameters): FileSpec {
  parameters.allow(['name']);
  // Both file:relative/path and the URL form file:///absolute/path; the path is taken as it stands, up to a `?`.
  const path = parameters.address.slice('file:'.length).replace(/^\/\/(?=\/)/, '');
  if (path === '' || path.endsWith('/') || path.startsWith('//')) parameters.fail('file:<path of a file>');
  return { kind: 'file', name: parameters.name(`file:${basename(path)}`), path };
}

function parseInflux(parameters: UrlParameters, options: SinkUrlOptions): InfluxV1Spec | InfluxV2Spec {
  const at = parseAddress(parameters);
  const isV1 = parameters.has('db');
  if (isV1 && (parameters.has('bucket') || parameters.has('org'))) {
    parameters.fail('either db= (InfluxDB 1.x) or org= and bucket= (2.x), not both');
  }
  if (!isV1 && !parameters.has('bucket') && !parameters.has('org')) {
    parameters.fail('db=<database> (InfluxDB 1.x) or org=<organization>&bucket=<bucket> (2.x)');
  }
  parameters.allow(isV1 ? V1_PARAMETERS : V2_PARAMETERS);
  const tls = parseTls(parameters, at.url.startsWith('https:'));
  const common = {
    url: at.url,
    readback: parameters.onOff('readback', true),
    timeoutMs: parameters.value('timeout', TIMEOUT, DEFAULT_TIMEOUT_MS),
    gzip: parameters.onOff('gzip', false),
    ...(tls ? { tls } : {}),
  };
  if (!isV1) {
    const org = parameters.required('org');
    const bucket = parameters.required('bucket');
    const token = parseToken(parameters, options);
    const name = parameters.name(`${at.label}/${encodeURIComponent(bucket)}`);
    return { kind: 'influx-v2', name, ...common, org, bucket, ...(token ? { token } : {}) };
  }
  const db = parameters.required('db');
  const rp = parameters.optional('rp');
  if (parameters.has('u') !== parameters.has('p')) parameters.fail('u= and p= together, or neither');
  const login = parameters.has('u')
    ? { username: parameters.required('u'), password: parameters.text('p') }
    : undefined;
  const name = parameters.name([at.label, ...[db, rp ?? []].flat().map(encodeURIComponent)].join('/'));
  return { kind: 'influx-v1', name, ...common, db, ...(rp ? { rp } : {}), ...(login ? { login } : {}) };
}

function parseAddress(parameters: UrlParameters): { url: string; label: string } {
  // Checked on the text, because a parsed URL no longer tells `https://host:443` from `https://host`.
  const authority = /^https?:\/\/([^/]*)/i.exec(parameters.address)?.[1] ?? '';
  if (authority.includes('@')) parameters.fail('the user in u= and p= (1.x) or a token (2.x), not before the host');
  const port = /^(?:\[[0-9a-f:.]+\]|[^:[\]]+):([0-9]{1,5})$/i.exec(authority)?.[1];
  if (port === undefined || !URL.canParse(parameters.address)) parameters.fail('http(s)://<host>:<port> before the ?');
  const { protocol, hostname, pathname } = new URL(parameters.address);
  const path = pathname.replace(/\/+$/, '');
  const label = `${hostname}:${Number(port)}${path}`;
  return { url: `${protocol}//${label}`, label };
}

function parseTls(parameters: UrlParameters, isHttps: boolean): TlsSpec | undefined {
  if (!isHttps) {
    const idle = ['ca', 'cert', 'key', 'insecure'].find((key) => parameters.has(key));
    return idle === undefined ? undefined : parameters.fail(`https:// where ${idle}= is given`);
  }
  const ca = parameters.optional('ca');
  const insecure = parameters.onOff('insecure', false);
  if (insecure && ca !== undefined) parameters.fail('either ca= or insecure=on, not both');
  if (parameters.has('cert') !== parameters.has('key')) parameters.fail('cert= and key= together, or neither');
  const client = parameters.has('cert')
    ? { cert: parameters.required('cert'), key: parameters.required('key') }
    : undefined;
  return { insecure, ...(ca === undefined ? {} : { ca }), ...(client ? { client } : {}) };
}

function parseToken(parameters: UrlParameters, { token: shared }: SinkUrlOptions): TokenSpec | undefined {
  const text = parameters.optional('token');
  const file = parameters.optional('token-file');
  if (text !== undefined && file !== undefined) parameters.fail('either token= or token-file=, not both');
  if (file !== undefined) return { file };
  const own = text ?? shared;
  // It goes into a header.
  if (own && !/^[\x21-\x7e]+$/.test(own)) parameters.fail('a token of visible ASCII characters');
  return own ? { text: own } : undefined;
}
