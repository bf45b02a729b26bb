#!lua flags=allow-oom
--[[
Makes the first pending entries of one consumer another's, whatever their idle time. XCLAIM drops pending entries that are
no longer in the stream and does not name them; what is pending before it and not in its answer, with nobody in between,
is exactly those. Their payload is not given here: it would be copied through Lua.

It moves what is there, so it is allowed when memory is short, as XCLAIM is.

KEYS  stream
ARGV  group, consumer that has them, consumer that is to have them, count
Reply {[ids that were pending], [of these, the ids that are gone from the stream, and no longer pending]}
]]
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[4], ARGV[2])
if #pending == 0 then
  return { {}, {} }
end
local ids = {}
for i, row in ipairs(pending) do
  ids[i] = row[1]
end
local claim = { 'XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0 }
for _, id in ipairs(ids) do
  claim[#claim + 1] = id
end
claim[#claim + 1] = 'JUSTID'
local taken = redis.call(unpack(claim))
local found = {}
for _, id in ipairs(taken) do
  found[id] = true
end
local gone = {}
for _, id in ipairs(ids) do
  if not found[id] then
    gone[#gone + 1] = id
  end
end
return { ids, gone }
