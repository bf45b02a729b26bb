import { createHash } from 'node:crypto';
import { bench } from 'mitata';
import { DOMAIN, type HashKey, hash64, hashLo } from './hash.ts';

/** A thousand usernames, beside a digest of the standard library, which is keyed by what is put before it. */
const key: HashKey = { k0: 0x01234567, k1: 0x76543210 };
const usernames = Array.from({ length: 1000 }, (_, i) => Buffer.from(`user${(i * 7919) % 10_000}`));
const prefix = Buffer.alloc(24);

bench('hash64', () => {
  let low = 0;
  for (const name of usernames) {
    hash64(key, DOMAIN.user, 1, 2, 0, 0, name, 0, name.length);
    low ^= hashLo;
  }
  return low;
});

bench('SHA-1 of node:crypto', () => {
  let low = 0;
  for (const name of usernames) low ^= createHash('sha1').update(prefix).update(name).digest().readUInt32LE(0);
  return low;
});
