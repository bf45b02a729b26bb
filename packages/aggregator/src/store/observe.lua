#!lua flags=no-writes
--[[
The open windows of one partition and the versions their published totals have; cheap when nothing changed.

KEYS  stamp, windows, published, birth
ARGV  stamp known
Reply {stamp} when it is the one known; else {stamp, [start, meta] …, [start, version] …, birth or ''}, the second and
      third as flat lists
]]
local stamp = redis.call('GET', KEYS[1]) or ''
if stamp == ARGV[1] then
  return { stamp }
end
return { stamp, redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[3]), redis.call('GET', KEYS[4]) or '' }
