import { readBounds, settleDeadLetters } from '@weir/aggregator/store/partition-bounds';
import { RefusedStore } from '@weir/aggregator/store/refused-store';
import { deploymentKey, partitionKeys } from '@weir/common/keys';
import { silentLogger } from '@weir/common/logger';
import type { Redis } from 'ioredis';
import { weir } from './weir.ts';

/** A deployment of two partitions in which nothing runs, with letters as the fold and the flushers write them. */
export const WINDOW = 1_478_507_520;

export class Letters {
  readonly redis: Redis;
  readonly url: string;
  /** Letters are a millisecond apart, and a while ago. */
  #nextMs = 0;

  constructor(redis: Redis, url: string) {
    this.redis = redis;
    this.url = url;
  }

  async begin(): Promise<void> {
    await this.redis.flushall();
    const settings = { partitions: 2, windowMs: 60_000, latenessMs: 900_000, sinks: 'az1,az2' };
    await this.redis.hset(deploymentKey('weir'), settings);
    this.#nextMs = Date.now() - 60_000;
  }

  weir(...argv: string[]) {
    return weir([...argv, '--redis', this.url]);
  }

  /** Of a command that does what it should. */
  async json(...argv: string[]) {
    const { code, out, err } = await this.weir(...argv, '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return JSON.parse(out);
  }

  /** As fold.lua writes one; answers its name. */
  async add(partition: number, reason: string, lines: readonly string[], relay = 'relay-1'): Promise<string> {
    const { dead, counters } = partitionKeys('weir', partition);
    const d = lines.map((line) => `${line}\n`).join('');
    const b = `${relay}:00112233445566aa:7`;
    const n = reason === 'unreadable' ? 0 : lines.length;
    const id = `${this.#nextMs++}-0`;
    await this.redis.xadd(dead, id, 'reason', reason, 'e', '1700-0', 'b', b, 't', '1700', 'n', n, 'd', d);
    await this.redis.hincrby(counters, `dead:${reason}`, n);
    await this.redis.hincrby(counters, 'received', n);
    await this.redis.hincrby(counters, 'dead-letters', 1);
    await this.redis.hincrby(counters, 'dead-bytes', d.length);
    return `${partition}/${id}`;
  }

  async refuse(sink: string, ...lines: string[]): Promise<void> {
    const events = { kept: () => undefined, notKept: () => undefined, dropped: () => undefined };
    const { redis } = this;
    const store = new RefusedStore({ redis, prefix: 'weir', maxBytes: 1e6, by: 'a1', events, logger: silentLogger });
    await store.add(
      sink,
      'totals',
      lines.map((line) => ({ line, reason: 'field type conflict: float' })),
    );
  }

  async counter(partition: number, name: string): Promise<number> {
    return Number((await this.redis.hget(partitionKeys('weir', partition).counters, name)) ?? 0);
  }

  /** The counters and the streams say the same, and the ledger balances. */
  async expectBooksRight(): Promise<void> {
    for (const partition of [0, 1]) {
      const bounds = await readBounds(this.redis, 'weir', partition);
      expect(bounds.countedDeadLetters).toBe(bounds.deadLetters);
      const rows = await this.redis.xrange(partitionKeys('weir', partition).dead, '-', '+');
      const bytes = rows.reduce((sum, [, fields]) => sum + (fields[fields.indexOf('d') + 1] ?? '').length, 0);
      expect(bounds.countedDeadBytes).toBe(bytes);
      expect(await settleDeadLetters(this.redis, 'weir', partition, bounds)).toBe('right');
    }
    expect((await this.json('ledger')).totals.balanced).toBe(true);
  }
}

export function eventLine(product: string, eventType: string, user: string, sec = WINDOW): string {
  return `event_type=${eventType},product=${product} value=${user} ${sec}000000000`;
}

export function pointLine(product: string, value: number): string {
  return `unique_user_event,event_type=e,product=${product} value=${value} ${WINDOW}000000000`;
}
