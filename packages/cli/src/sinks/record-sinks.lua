#!lua flags=allow-oom
--[[
Records other sinks of the deployment, if those are recorded that the plan was made for.

KEYS  the deployment's hash
ARGV  sinks as they are, sinks as they are to be; each sorted, joined by commas
Reply 1 when recorded
]]
if redis.call('HGET', KEYS[1], 'sinks') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'sinks', ARGV[2])
return 1
