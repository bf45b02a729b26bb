#!lua flags=allow-oom
--[[
Takes letters of what sinks refuse away, and that they are known: refused again, they come again.

KEYS  letters, known (zset: id of a letter → its sum)
ARGV  ids
Reply letters that were there
]]
local taken = 0
for _, id in ipairs(ARGV) do
  local letter = redis.call('XRANGE', KEYS[1], id, id)[1]
  if letter then
    for i = 1, #letter[2], 2 do
      -- Nothing may fail half way, so not for an entry of somebody else's either.
      if letter[2][i] == 'sum' and tonumber(letter[2][i + 1]) then
        redis.call('ZREMRANGEBYSCORE', KEYS[2], letter[2][i + 1], letter[2][i + 1])
      end
    end
    taken = taken + redis.call('XDEL', KEYS[1], id)
  end
end
return taken
