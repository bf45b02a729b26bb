#!lua flags=allow-oom
--[[
Answers what a partition holds of a relay's incarnation, as append.lua does. Allowed when memory is short: by its answers
an idle relay knows that it owes nothing, and only then are windows sealed, which frees memory.

KEYS  relays
ARGV  incarnation
Reply {0, last sequence of the incarnation (0: none), '', now ms}
]]
local TOUCH_MS = 3600 * 1000

local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known then
  return { 0, 0, '', nowMs }
end
local last, lastMs = string.match(known, '^(%d+) (%d+)$')
-- An incarnation that lives but has nothing to send is not to be forgotten.
if nowMs - tonumber(lastMs) > TOUCH_MS then
  redis.call('HSET', KEYS[1], ARGV[1], last .. ' ' .. string.format('%.0f', nowMs))
end
return { 0, tonumber(last), '', nowMs }
