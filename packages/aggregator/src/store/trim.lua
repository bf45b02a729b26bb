#!lua flags=allow-oom
--[[
Trims a stream up to what every group is done with: its oldest pending entry, or the last one delivered to it. Decided
and done in one script, so that no entry is delivered in between. Never by length, and never with XDEL, which would turn
XINFO's lag into null. Groups that must be done with an entry may be named: then no other counts, and while one of them is
missing nothing is trimmed.

Marks of suspects whose entries are gone go with them. It writes nothing and frees what takes most of the memory, so it is
allowed when that is short.

KEYS  stream, suspects
ARGV  names of groups; none: whatever groups there are
Reply entries trimmed
]]
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function less(a, b)
  local aMs, aSeq = parts(a)
  local bMs, bSeq = parts(b)
  return aMs < bMs or (aMs == bMs and aSeq < bSeq)
end
local named, missing = {}, #ARGV
for _, name in ipairs(ARGV) do
  named[name] = true
end
local keep
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local fields = {}
  for i = 1, #info, 2 do
    fields[info[i]] = info[i + 1]
  end
  if #ARGV == 0 or named[fields['name']] then
    local pending = redis.call('XPENDING', KEYS[1], fields['name'])
    local from
    if pending[1] > 0 then
      from = pending[2]
    else
      local ms, seq = string.match(fields['last-delivered-id'], '^(%d+)-(%d+)$')
      from = ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
    end
    if not keep or less(from, keep) then
      keep = from
    end
    missing = missing - 1
  end
end
if not keep or missing > 0 then
  return 0
end
local trimmed = redis.call('XTRIM', KEYS[1], 'MINID', keep)
for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do
  if less(id, keep) then
    redis.call('HDEL', KEYS[2], id)
  end
end
return trimmed
