import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { SettingsError } from '@weir/common/errors';
import type { TlsSpec } from '@weir/common/sink-url';

/**
 * What the TLS connections to a sink are made with. It is put together once for all of them: the certificates that a system
 * trusts take a tenth of a second to read. Throws a SettingsError that names the parameter and the file.
 */
export function sinkTlsContext(sinkName: string, { ca, client, insecure }: TlsSpec): SecureContext {
  const trusted = ca !== undefined ? readPem(sinkName, 'ca', ca) : insecure ? undefined : systemCertificates();
  const own = client && {
    cert: readPem(sinkName, 'cert', client.cert),
    key: readFile(sinkName, 'key', client.key),
  };
  if (client && own) {
    const key = attempt(sinkName, 'key', client.key, 'a private key in PEM, not encrypted', () =>
      createPrivateKey(own.key),
    );
    if (!new X509Certificate(own.cert).checkPrivateKey(key)) {
      throw fault(sinkName, 'key', client.key, 'another key', 'the key of cert=');
    }
  }
  // Without any of ours these are the ones that Node brings along.
  const context = { minVersion: 'TLSv1.2' as const, ...(trusted === undefined ? {} : { ca: trusted }), ...own };
  const [parameter, file] = client ? ['cert', client.cert] : ['ca', ca ?? 'what the system trusts'];
  const expected = 'certificates that OpenSSL can use';
  return attempt(sinkName, parameter!, file!, expected, () => createSecureContext(context));
}

/** Where distributions keep what their system trusts: Debian, Fedora, openSUSE, RHEL, Alpine and macOS. */
const SYSTEM_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

function systemCertificates(): string | undefined {
  for (const file of SYSTEM_FILES) {
    try {
      return readFileSync(file, 'latin1');
    } catch (error) {
      // The next one: no system has them all.
      if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return undefined;
}

function readPem(sinkName: string, parameter: string, file: string): string {
  const text = readFile(sinkName, parameter, file);
  // OpenSSL would take any text for a list of no certificates.
  attempt(sinkName, parameter, file, 'certificates in PEM', () => new X509Certificate(text));
  return text;
}

function readFile(sinkName: string, parameter: string, file: string): string {
  return attempt(sinkName, parameter, file, 'a readable file', () => readFileSync(file, 'latin1'));
}

function attempt<T>(sinkName: string, parameter: string, file: string, expected: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code = 'unusable' } = error as NodeJS.ErrnoException;
    throw fault(sinkName, parameter, file, code, expected, error);
  }
}

function fault(
  sinkName: string,
  parameter: string,
  file: string,
  what: string,
  expected: string,
  cause?: unknown,
): SettingsError {
  const line = `--sink: got ${parameter}=${file} of sink ${sinkName} (${what}), expected ${expected}`;
  return new SettingsError(line, { cause });
}
