import { SettingsError } from '@weir/common/errors';
import { MAX_PRODUCT_BYTES } from '@weir/common/event';
import { integer, name as nameType } from '@weir/common/setting-values';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { Rate } from './line-rate.ts';

/**
 * The file behind `--tokens`: who may write. YAML, a list of
 *   - name: shop            # in metrics; one entry each
 *     hash: 9f86d081…       # SHA-256 of the token, 64 hexadecimal digits; the token itself stands nowhere
 *     products: [shop]      # optional: it writes events of these products and nothing else
 *     rate: 5000            # optional: lines per second, at each relay
 *     burst: 20000          # optional: how many at once after a pause; the rate unless told
 * An empty list `[]` lets nobody write; an empty file is a mistake. Pure: the file is read by an argument. What is wrong is
 * said in one line with entry and key, but never with a value: somebody may have put the token where its hash belongs.
 */
export interface TokenEntry {
  name: string;
  /** 32 bytes. */
  digest: Buffer;
  products?: readonly string[];
  rate?: Rate;
}

const MAX_FILE_BYTES = 2 ** 20;
const MAX_TOKENS = 1000;
const MAX_LINES_PER_SEC = 1_000_000_000;
/** Of no bytes at all: what comes of hashing a variable that was not set. */
const HASH_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const KEYS = 'name, hash, products, rate and burst';
const lines = integer(1, MAX_LINES_PER_SEC);
const HASH = '64 hexadecimal digits, the SHA-256 of the token';
const PRODUCTS = `a list of products of 1 to ${MAX_PRODUCT_BYTES} bytes`;

const ENTRY = z.strictObject(
  {
    name: z.string({ error: nameType.expected }).pipe(nameType.schema),
    hash: z
      .string({ error: HASH })
      .regex(/^[0-9a-f]{64}$/i, HASH)
      .refine((hash) => hash.toLowerCase() !== HASH_OF_NOTHING, 'the hash of a token, not of nothing'),
    products: z
      .array(z.string({ error: PRODUCTS }).refine(isProduct, PRODUCTS), { error: PRODUCTS })
      .min(1, 'at least one product, or no such key')
      .optional(),
    rate: z.string({ error: lines.expected }).pipe(lines.schema).optional(),
    burst: z.string({ error: lines.expected }).pipe(lines.schema).optional(),
  },
  { error: `an entry of ${KEYS}` },
);

/** Throws a SettingsError. */
export function readTokenFile(path: string, readFile: (path: string) => string): readonly TokenEntry[] {
  const list = readList(path, readFile);
  const [names, hashes] = [new Set<string>(), new Set<string>()];
  return list.map((item, i) => {
    const { success, data, error } = ENTRY.safeParse(item);
    const where = `, entry ${i + 1}`;
    if (!success) {
      const issue = error.issues[0]!;
      const key = issue.path.length > 0 ? `: ${String(issue.path[0])}` : '';
      throw fault(path, where + key, issue.message);
    }
    const { name, products, rate, burst } = data;
    const hash = data.hash.toLowerCase();
    if (names.has(name)) throw fault(path, `${where}: name`, 'each name once');
    if (hashes.has(hash)) throw fault(path, `${where}: hash`, 'each hash once');
    if (burst !== undefined && rate === undefined) throw fault(path, `${where}: burst`, 'a rate beside it');
    names.add(name);
    hashes.add(hash);
    return {
      name,
      digest: Buffer.from(hash, 'hex'),
      ...(products ? { products } : {}),
      ...(rate === undefined ? {} : { rate: { linesPerSec: rate, burstLines: burst ?? rate } }),
    };
  });
}

function readList(path: string, readFile: (path: string) => string): unknown[] {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw fault(path, ` (${code})`, 'a readable file', error);
  }
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) throw fault(path, '', `at most ${MAX_FILE_BYTES} bytes`);
  // Under this schema all values are texts, as they are written: a product may be called 42 or off.
  const document = parseDocument(text, { schema: 'failsafe', logLevel: 'silent' });
  const [broken] = document.errors;
  // Not as the cause: it quotes the line.
  if (broken) throw fault(path, `, ${broken.code} in line ${broken.linePos?.[0].line}`, 'YAML');
  let list: unknown;
  try {
    list = document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    throw fault(path, '', 'YAML without aliases', error);
  }
  if (!Array.isArray(list)) throw fault(path, '', 'a list of entries "- name: …"');
  if (list.length > MAX_TOKENS) throw fault(path, '', `at most ${MAX_TOKENS} entries`);
  return list;
}

function fault(path: string, where: string, expected: string, cause?: unknown): SettingsError {
  return new SettingsError(`--tokens: got ${JSON.stringify(path)}${where}, expected ${expected}`, { cause });
}

function isProduct(text: string): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes > 0 && bytes <= MAX_PRODUCT_BYTES;
}
