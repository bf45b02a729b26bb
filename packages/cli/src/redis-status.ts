import { z } from 'zod';
import { count, orUnknown } from './report-schema.ts';

/** How Redis is, from its INFO. Pure. */
export const redisStatusSchema = z.object({
  version: z.string(),
  role: z.string(),
  usedMemoryBytes: count,
  maxMemoryBytes: count.describe('0: none set'),
  policy: z.string().describe('maxmemory-policy'),
  appendOnly: z.boolean(),
  appendFsync: z.string().nullable().describe('null: not told'),
  snapshots: orUnknown(z.boolean()).describe('whether RDB snapshots are taken by themselves'),
  lastWriteToDiskFailed: z.boolean(),
  connections: count,
  maxConnections: orUnknown(count),
  loading: z.boolean(),
});

export type RedisStatus = z.infer<typeof redisStatusSchema>;

export const INFO_SECTIONS = ['server', 'clients', 'memory', 'persistence', 'replication'] as const;

/** `config`: what CONFIG GET tells, where it may be asked. */
export function redisStatus(info: ReadonlyMap<string, string>, config: ReadonlyMap<string, string>): RedisStatus {
  const number = (field: string) => Number(info.get(field) ?? 0);
  const maxClients = info.get('maxclients') ?? config.get('maxclients');
  const save = config.get('save');
  return {
    version: info.get('redis_version') ?? 'unknown',
    role: info.get('role') ?? 'unknown',
    usedMemoryBytes: number('used_memory'),
    maxMemoryBytes: number('maxmemory'),
    policy: info.get('maxmemory_policy') ?? 'unknown',
    appendOnly: info.get('aof_enabled') === '1',
    appendFsync: config.get('appendfsync') ?? null,
    snapshots: save === undefined ? null : save !== '',
    lastWriteToDiskFailed:
      info.get('rdb_last_bgsave_status') === 'err' ||
      info.get('aof_last_write_status') === 'err' ||
      info.get('aof_last_bgrewrite_status') === 'err',
    connections: number('connected_clients'),
    maxConnections: maxClients === undefined ? null : Number(maxClients),
    loading: info.get('loading') === '1',
  };
}
