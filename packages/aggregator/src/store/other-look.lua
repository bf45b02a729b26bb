#!lua flags=no-writes
--[[
How much a stream of other lines holds, and how much of it each sink still has to get.

KEYS  others, counters
ARGV  names of groups, one per sink
Reply {entries, their bytes as append.lua counts them, for each group {lines it is not done with, lines dropped before it
       had them}}; where there is no such group it is not done with any.
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
local entries = redis.call('XLEN', KEYS[1])
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
local function from(id)
  return redis.call('XRANGE', KEYS[1], id, '+', 'COUNT', 1)[1]
end
local received = count('received')
local oldest = from('-')
local groups = {}
for i, name in ipairs(ARGV) do
  local next = from(known[name] or '-')
  local waiting = next and received - (field(next, 'c') or received) or 0
  groups[i] = { waiting, count('dropped:' .. name) }
end
return { entries, oldest and count('bytes') - (field(oldest, 'o') or 0) or 0, groups }
