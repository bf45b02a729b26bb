#!lua flags=allow-oom
--[[
Takes out of the counters what they know of dead letters that somebody deleted by hand. Folds that came since the
measurement moved counters and stream alike, so what the two differ by is still the same; if it is not, somebody else
has settled it, or deleted more, and nothing is changed.

KEYS  dead, counters
ARGV  letters that the counters know too many, bytes
Reply 1 when settled
]]
local known = tonumber(redis.call('HGET', KEYS[2], 'dead-letters') or '0')
if known - redis.call('XLEN', KEYS[1]) ~= tonumber(ARGV[1]) then
  return 0
end
redis.call('HINCRBY', KEYS[2], 'dead-letters', 0 - tonumber(ARGV[1]))
redis.call('HINCRBY', KEYS[2], 'dead-bytes', 0 - tonumber(ARGV[2]))
return 1
