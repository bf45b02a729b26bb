#!lua flags=allow-oom
--[[
Keeps the final record of a sealed window, the first one that is made of it.

KEYS  final record, finals, stamp
ARGV  start, totals, new stamp
Reply 1 when stored, 0 when there was one
]]
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local time = redis.call('TIME')
redis.call('SET', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), ARGV[1])
redis.call('SET', KEYS[3], ARGV[3])
return 1
