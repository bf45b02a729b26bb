import type { Redis } from 'ioredis';

/**
 * Remembers all that a Redis holds at one moment; the answer, called later, takes it back there in one step. Clients
 * keep their connections and notice nothing, which no real rollback is kind enough for, and it takes a millisecond: for
 * tests that roll back a thousand times. Needs `--enable-debug-command yes`.
 */
export async function redisHistory(redis: Redis): Promise<() => Promise<void>> {
  const held = (await redis.callBuffer('EVAL', SAVE, 0)) as [Buffer, Buffer][];
  return async () => {
    const back = redis.multi().flushall();
    for (const [key, dump] of held) back.restore(key, 0, dump);
    // Ids of stream entries begin with the millisecond: none that was lost may come again as another's.
    back.call('DEBUG', 'SLEEP', '0.003');
    for (const [error] of (await back.exec())!) if (error) throw error;
  };
}

const SAVE = `
local held = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  held[#held + 1] = { key, redis.call('DUMP', key) }
end
return held`;
