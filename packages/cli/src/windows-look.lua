#!lua flags=no-writes
-- The open windows of one partition and the versions their published totals have, of one moment.
-- KEYS  windows, published
-- Reply {[start, meta] …, [start, version] …}, both as flat lists
return { redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]) }
