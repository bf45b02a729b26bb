import { bench } from 'mitata';
import { U64Set } from './u64-set.ts';

/** A thousand of a million identities: found again, and new ones added; beside sets of the language. */
const HELD = 1_000_000;
const TRIED = 1000;

/** Uniform, and the same each time: xorshift32. */
let state = 0x9e3779b9;
const word = () => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
};
const words = Uint32Array.from({ length: HELD * 2 }, word);

const held = new U64Set(HELD);
const bigints = new Set<bigint>();
const texts = new Set<string>();
const bigintOf = (i: number) => (BigInt(words[i * 2]!) << 32n) | BigInt(words[i * 2 + 1]!);
const textOf = (i: number) => `${words[i * 2]!.toString(36)}.${words[i * 2 + 1]!.toString(36)}`;
for (let i = 0; i < HELD; i++) {
  held.add(words[i * 2]!, words[i * 2 + 1]!);
  bigints.add(bigintOf(i));
  texts.add(textOf(i));
}

/** Stirred, so that no lookup profits from the one before it. */
const tried = Uint32Array.from({ length: TRIED }, (_, i) => (i * 7919) % HELD);

bench('U64Set.has', () => {
  let found = 0;
  for (const i of tried) if (held.has(words[i * 2]!, words[i * 2 + 1]!)) found++;
  return found;
});

bench('Set of bigints, has', () => {
  let found = 0;
  for (const i of tried) if (bigints.has(bigintOf(i))) found++;
  return found;
});

bench('Set of strings, has', () => {
  let found = 0;
  for (const i of tried) if (texts.has(textOf(i))) found++;
  return found;
});

bench('U64Set.add, from empty', () => {
  const set = new U64Set();
  for (const i of tried) set.add(words[i * 2]!, words[i * 2 + 1]!);
  return set.size;
});

bench('Set of bigints, add, from empty', () => {
  const set = new Set<bigint>();
  for (const i of tried) set.add(bigintOf(i));
  return set.size;
});
