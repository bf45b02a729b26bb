import { generateKeyPairSync } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tlsPairReader } from '@weir/common/tls-files';
import { makeCertificate } from '../../support/certificate.ts';
import { tempDir } from '../../support/temp-dir.ts';

let dir: string;
let certFile: string;
let keyFile: string;
const { cert, key } = makeCertificate({ expiresMs: Date.UTC(2055, 0, 2, 3, 4, 5) });

beforeEach(async () => {
  dir = await tempDir('tls');
  certFile = join(dir, 'cert.pem');
  keyFile = join(dir, 'key.pem');
  await writeFile(certFile, cert);
  await writeFile(keyFile, key);
});

function fault(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad-setting' });
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

test('a pair that fits is read, with the moment it expires', () => {
  expect(tlsPairReader(certFile, keyFile)!()).toEqual({ cert, key, expiresMs: Date.UTC(2055, 0, 2, 3, 4, 5) });
});

test('without both there is no TLS, with one of them it is a mistake', () => {
  expect(tlsPairReader(undefined, undefined)).toBeUndefined();
  expect(fault(() => tlsPairReader(certFile, undefined))).toMatch(/^--http-tls-key: got nothing, expected a file/);
  expect(fault(() => tlsPairReader(undefined, keyFile))).toMatch(/^--http-tls-cert: got nothing, expected a file/);
});

describe('is refused in one line that names the file and shows nothing of it:', () => {
  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['a missing certificate', () => rm(certFile), /^--http-tls-cert: .*ENOENT/],
    ['a missing key', () => rm(keyFile), /^--http-tls-key: .*ENOENT/],
    ['a directory', () => rm(keyFile).then(() => mkdir(keyFile)), /^--http-tls-key: .*EISDIR/],
    ['half a certificate', () => writeFile(certFile, cert.slice(0, 300)), /^--http-tls-cert: .*a certificate in PEM$/],
    ['an empty key', () => writeFile(keyFile, ''), /^--http-tls-key: .*a private key in PEM, not encrypted$/],
    ['half a key', () => writeFile(keyFile, key.slice(0, 100)), /^--http-tls-key: .*a private key in PEM/],
    ['a key with a password', () => writeFile(keyFile, encryptedKey()), /^--http-tls-key: .*not encrypted$/],
    [
      'the key of another certificate',
      () => writeFile(keyFile, makeCertificate().key),
      /^--http-tls-key: .*expected the key of --http-tls-cert$/,
    ],
    ['the two mixed up', () => writeFile(certFile, key), /^--http-tls-cert: .*a certificate in PEM$/],
  ])('%s', async (_, spoil, line) => {
    await spoil();
    const message = fault(tlsPairReader(certFile, keyFile)!);
    expect(message).toMatch(line);
    expect(message).not.toMatch(/\n|BEGIN/);
    expect(message).not.toContain(key.split('\n')[1]);
  });
});

function encryptedKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }).toString();
}
