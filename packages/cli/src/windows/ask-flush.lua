#!lua flags=allow-oom
--[[
Asks the aggregators to bring a window to a sink again: nothing that was confirmed counts any more, and neither does a write
that is under way, because it may have read the sink before. Marked as having an abandoned write, the window is read back
before the next one and after it. What was settled is settled again, and what was given up has as much time again.

What is asked for stands in a list for an hour, with scores that only grow, so that whoever knows the last one he saw misses
none. Small, so it is allowed when memory is short.

KEYS  the sink's books of the window, windows asked for
ARGV  start
Reply now ms
]]
local FORGET_MS = 30 * 24 * 3600 * 1000
local ASKED_MS = 3600 * 1000

local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = string.format('%.0f', nowMs)
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 10) == 'confirmed:' then
    redis.call('HDEL', KEYS[1], field)
  end
end
redis.call('HDEL', KEYS[1], 'done', 'intent', 'begun')
redis.call('HSET', KEYS[1], 'asked', now, 'abandoned', now)
redis.call('PEXPIRE', KEYS[1], FORGET_MS)

local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
local score = math.max(nowMs, (tonumber(last) or 0) + 1)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', nowMs - ASKED_MS))
redis.call('ZADD', KEYS[2], string.format('%.0f', score), ARGV[1])
redis.call('PEXPIRE', KEYS[2], ASKED_MS)
return nowMs
