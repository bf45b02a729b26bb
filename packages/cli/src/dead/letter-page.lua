#!lua flags=no-writes
--[[
Some letters of a stream, one after the other, at most about so many bytes of them. A letter may be a thousand times as large
as the one before it, so few are read at once.

KEYS  letters
ARGV  XRANGE or XREVRANGE, from (in its syntax), to, letters at most, bytes
Reply {1 at the end and else 0, letters as XRANGE answers them …}
]]
local STEP = 8
local command, from, to, most, maxBytes = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local reply, bytes = { 0 }, 0
while #reply <= most and bytes < maxBytes do
  local some = redis.call(command, KEYS[1], from, to, 'COUNT', math.min(STEP, most + 1 - #reply))
  if #some == 0 then
    reply[1] = 1
    break
  end
  for _, letter in ipairs(some) do
    reply[#reply + 1] = letter
    for field = 2, #letter[2], 2 do
      bytes = bytes + #letter[2][field]
    end
  end
  from = '(' .. some[#some][1]
end
return reply
