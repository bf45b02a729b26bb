#!lua flags=allow-oom
--[[
Takes away what a relay last said, if it is still that: one that reports keeps it. Looked at and done in one step.

KEYS  relays
ARGV  id, the field as it was read
Reply 1 when it is gone
]]
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
return redis.call('HDEL', KEYS[1], ARGV[1])
