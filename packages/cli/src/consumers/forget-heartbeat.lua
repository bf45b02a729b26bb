#!lua flags=allow-oom
--[[
Takes away what a dead aggregator last said, if it is still that: one that started anew under the id meanwhile keeps its own.

KEYS  aggregators
ARGV  id, the field as it was read
Reply 1 when it is gone
]]
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
return redis.call('HDEL', KEYS[1], ARGV[1])
