#!lua flags=allow-oom
--[[
Frees a sealed window's state in one partition. The caller has seen the final record; the seal is checked here, because
an open window must never lose its log.

KEYS  windows, open, published, dirty, stamp, totals, sealed bits
ARGV  base, start, bit, chunk (bytes), new stamp
Reply 1 when there was something to free, 0 when not, -1 when the window is not sealed
]]
if redis.call('GETBIT', KEYS[7], ARGV[3]) == 0 then
  return -1
end
local meta = redis.call('HGET', KEYS[1], ARGV[2])
if not meta then
  return 0
end
local length = tonumber(string.match(meta, '^%d+'))
for chunk = 0, math.floor(length / tonumber(ARGV[4])) do
  redis.call('UNLINK', ARGV[1] .. 'log:' .. ARGV[2] .. ':' .. chunk)
end
redis.call('UNLINK', KEYS[6])
redis.call('HDEL', KEYS[1], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('SREM', KEYS[4], ARGV[2])
redis.call('SET', KEYS[5], ARGV[5])
return 1
