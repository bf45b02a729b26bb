import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '../deployment.ts';
import type { BooksLook } from './fold-delay.ts';

/** Looks at the books every so often until it is told to stop, and then answers all looks. */
export function watchBooks(weir: Deployment, everyMs: number): () => Promise<BooksLook[]> {
  const looks: BooksLook[] = [];
  let watching = true;
  const watch = (async () => {
    while (watching) {
      looks.push(await lookAtBooks(weir));
      await sleep(everyMs);
    }
  })();
  // Whoever stops the watch gets its failure; until then nobody waits for it.
  watch.catch(() => undefined);
  return async () => {
    watching = false;
    await watch;
    looks.push(await lookAtBooks(weir));
    return looks;
  };
}

export async function lookAtBooks(weir: Deployment): Promise<BooksLook> {
  const [received, counted, duplicate] = await Promise.all([
    weir.books('received'),
    weir.books('counted'),
    weir.books('duplicate'),
  ]);
  const folded = counted.map((events, i) => events + duplicate[i]!);
  return { atMs: performance.now(), received, folded };
}
