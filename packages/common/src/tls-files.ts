import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { SettingsError } from './errors.ts';
import { tlsFiles } from './http-settings.ts';

/**
 * The certificate and the private key of the HTTP server, from their files. A pair is handed out only when both can be
 * read, belong together and can be served with, so that a renewal that is half done replaces nothing.
 */
export interface TlsPair {
  /** PEM: the server's certificate, and behind it those of its issuers. */
  cert: string;
  /** PEM, not encrypted. */
  key: string;
  /** When the certificate ends, Unix milliseconds. */
  expiresMs: number;
}

/** Reads the files anew at each call. Throws a SettingsError, which never shows what is in them. */
export type ReadTlsPair = () => TlsPair;

/** What every secure context is made with besides its pair. */
export const TLS_OPTIONS = { minVersion: 'TLSv1.2' } as const;

const CERT_FLAG = '--http-tls-cert';
const KEY_FLAG = '--http-tls-key';

/** Undefined where neither is set: then HTTP is plain. Throws a SettingsError where only one is. */
export function tlsPairReader(certFile: string | undefined, keyFile: string | undefined): ReadTlsPair | undefined {
  const files = tlsFiles(certFile, keyFile);
  return files && (() => readPair(files.certFile, files.keyFile));
}

function readPair(certFile: string, keyFile: string): TlsPair {
  const cert = attempt(CERT_FLAG, certFile, 'a readable file', () => readFileSync(certFile, 'latin1'));
  const key = attempt(KEY_FLAG, keyFile, 'a readable file', () => readFileSync(keyFile, 'latin1'));
  const certificate = attempt(CERT_FLAG, certFile, 'a certificate in PEM', () => new X509Certificate(cert));
  const privateKey = attempt(KEY_FLAG, keyFile, 'a private key in PEM, not encrypted', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new SettingsError(`${KEY_FLAG}: got ${JSON.stringify(keyFile)}, expected the key of ${CERT_FLAG}`);
  }
  const served = 'a certificate that OpenSSL serves with its key';
  attempt(CERT_FLAG, certFile, served, () => createSecureContext({ ...TLS_OPTIONS, cert, key }));
  return { cert, key, expiresMs: Date.parse(certificate.validTo) };
}

function attempt<T>(flag: string, file: string, expected: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code = 'unusable' } = error as NodeJS.ErrnoException;
    throw new SettingsError(`${flag}: got ${JSON.stringify(file)} (${code}), expected ${expected}`, { cause: error });
  }
}
