#!lua flags=allow-oom
--[[
Publishes a window's totals of one partition, if they are the totals of the log as it stands. They live in Redis until
the window is sealed and dropped, and freeing memory depends on this: it runs under memory pressure too.

KEYS  windows, published, dirty, stamp, totals
ARGV  start, version, totals, new stamp
Reply 1 when published, 0 when the log has another version (or the window is gone)
]]
local meta = redis.call('HGET', KEYS[1], ARGV[1])
if not meta or string.sub(meta, 1, #ARGV[2] + 1) ~= ARGV[2] .. ' ' then
  return 0
end
redis.call('SET', KEYS[5], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('SET', KEYS[4], ARGV[4])
return 1
