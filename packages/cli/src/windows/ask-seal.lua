#!lua flags=allow-oom
--[[
Asks the aggregators to seal a window without waiting for its lateness or for a relay. They take the request away once the
window is gone. Small, and what it leads to frees memory, so it is allowed when that is short.

KEYS  windows whose seal is asked for
ARGV  start
Reply now ms
]]
local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', nowMs))
return nowMs
