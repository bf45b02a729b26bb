import { partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';

/** Events that the books of the deployment `weir` call counted. */
export async function countedIn(client: Redis, partitions: number): Promise<number> {
  let counted = 0;
  for (let partition = 0; partition < partitions; partition++) {
    counted += Number((await client.hget(partitionKeys('weir', partition).counters, 'counted')) ?? 0);
  }
  return counted;
}
