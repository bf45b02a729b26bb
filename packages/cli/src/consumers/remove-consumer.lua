#!lua flags=allow-oom
--[[
Removes a consumer from a group, if nothing is pending for it: Redis would drop its pending entries with it, and nobody would
fold them. Looked at and done in one step, for it may be handed entries at any moment.

KEYS  stream
ARGV  group, consumer
Reply 1 when entries are pending for it; 0 when it is removed, or was not there
]]
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  for i = 1, #group, 2 do
    if group[i] == 'name' and group[i + 1] == ARGV[1] then
      local pending = #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
      if pending == 0 then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
      end
      return pending
    end
  end
end
return 0
