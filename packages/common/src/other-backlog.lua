#!lua flags=no-writes
--[[
How much a stream of other lines holds, and how much of it each sink still has to get, without any payload: entries say how
many lines and bytes the stream was given before them, so what waits is a subtraction.

KEYS  others, counters
ARGV  names of groups, one per sink
Reply {entries, their bytes as append.lua counts them, for each group {lines it is not done with, their bytes, id of the
       oldest such entry ('': none), lines dropped before it had them}}; where there is no such group it is not done with any.
]]
local function field(entry, name)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then
      return tonumber(entry[2][i + 1])
    end
  end
end
local function count(name)
  return tonumber(redis.call('HGET', KEYS[2], name) or '0')
end

local known = {}
if redis.call('EXISTS', KEYS[1]) == 1 then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local about = {}
    for i = 1, #info, 2 do
      about[info[i]] = info[i + 1]
    end
    local pending = redis.call('XPENDING', KEYS[1], about['name'])
    known[about['name']] = pending[1] > 0 and pending[2] or '(' .. about['last-delivered-id']
  end
end
-- Nothing lies after the greatest id there is, and Redis refuses the question.
local function first(from)
  local found = redis.pcall('XRANGE', KEYS[1], from, '+', 'COUNT', 1)
  return not found.err and found[1]
end
local lines, bytes = count('received'), count('bytes')
local groups = {}
for i, name in ipairs(ARGV) do
  local oldest = first(known[name] or '-')
  if oldest then
    groups[i] = {
      lines - (field(oldest, 'c') or lines), bytes - (field(oldest, 'o') or bytes), oldest[1], count('dropped:' .. name),
    }
  else
    groups[i] = { 0, 0, '', count('dropped:' .. name) }
  end
end
local oldest = first('-')
return { redis.call('XLEN', KEYS[1]), oldest and bytes - (field(oldest, 'o') or 0) or 0, groups }
