#!lua flags=no-writes
--[[
In which groups of a stream a consumer is known, and how many entries are pending for it there.

KEYS  stream
ARGV  consumer
Reply per group that knows it: group, pending entries
]]
local reply = {}
if redis.call('EXISTS', KEYS[1]) == 0 then
  return reply
end
local function field(flat, name)
  for i = 1, #flat, 2 do
    if flat[i] == name then
      return flat[i + 1]
    end
  end
end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local name = field(group, 'name')
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], name)) do
    if field(consumer, 'name') == ARGV[1] then
      reply[#reply + 1] = name
      reply[#reply + 1] = field(consumer, 'pending')
    end
  end
end
return reply
