#!lua
--[[
Appends one batch to a partition's stream, exactly once however often it is sent, and answers what Redis holds.
Without the flag allow-oom, so that Redis refuses it before its first line when memory is short: never half of it.

KEYS  stream, relays, counters
ARGV  incarnation, sequence, 'next' or 'gap', lines, '' or the bytes that the stream may hold, field, value, field, value …
Appends only the sequence after the last one it has of this incarnation; with 'gap' any later one too, because the relay
has learned that those between are lost on both sides. Anything else changes nothing, and the answer tells the relay
where to go on.
Reply {1 if this call appended or 0, last sequence of the incarnation (0: none), entry id or '', now ms}

A stream with a bound is that of other lines. Each of its entries also says how many lines (c) and bytes (o) the stream was
given before it, so that from any entry on it is known how many follow, whoever trims. Beyond the bound the oldest entries
go, and what a group has not acked of them is counted as dropped for it and no longer pending. The newest always stays.
]]
local FORGET_MS = 7 * 24 * 3600 * 1000
local ENTRY_OVERHEAD_BYTES = 128
-- So that small entries that give way to a large one do not hold Redis up: the next calls drop the rest.
local MAX_DROPS = 256

local function less(a, b)
  local aMs, aSeq = string.match(a, '^(%d+)-(%d+)$')
  local bMs, bSeq = string.match(b, '^(%d+)-(%d+)$')
  aMs, bMs = tonumber(aMs), tonumber(bMs)
  return aMs < bMs or (aMs == bMs and tonumber(aSeq) < tonumber(bSeq))
end

local function field(entry, name)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then
      return entry[2][i + 1]
    end
  end
end

-- Takes away the entry, which is the oldest, and says to each group that waits for it that it is gone.
local function drop(groups, entry)
  local lines = field(entry, 'n') or '0'
  local wanted = #groups == 0
  for _, info in ipairs(groups) do
    local about = {}
    for i = 1, #info, 2 do
      about[info[i]] = info[i + 1]
    end
    local unread = less(about['last-delivered-id'], entry[1])
    local unacked = not unread and #redis.call('XPENDING', KEYS[1], about['name'], entry[1], entry[1], 1) > 0
    if unacked then
      redis.call('XACK', KEYS[1], about['name'], entry[1])
    end
    if unread or unacked then
      redis.call('HINCRBY', KEYS[3], 'dropped:' .. about['name'], lines)
      wanted = true
    end
  end
  if wanted then
    redis.call('HINCRBY', KEYS[3], 'dropped', lines)
  end
  redis.call('XTRIM', KEYS[1], 'MAXLEN', redis.call('XLEN', KEYS[1]) - 1)
end

-- The field `floor` is what was before the oldest entry when somebody last looked: the stream holds no more than is after it.
local function keepWithin(maxBytes)
  local counted = redis.call('HMGET', KEYS[3], 'bytes', 'floor')
  local bytes = tonumber(counted[1])
  if bytes - tonumber(counted[2] or '0') <= maxBytes then
    return
  end
  local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  for _ = 1, MAX_DROPS do
    if bytes - tonumber(field(oldest, 'o') or '0') <= maxBytes or redis.call('XLEN', KEYS[1]) <= 1 then
      break
    end
    drop(groups, oldest)
    oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  end
  redis.call('HSET', KEYS[3], 'floor', field(oldest, 'o') or '0')
end

local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = string.format('%.0f', nowMs)
local known = redis.call('HGET', KEYS[2], ARGV[1])
local last = known and tonumber(string.match(known, '^%d+')) or 0
local sequence = tonumber(ARGV[2])
if sequence ~= last + 1 and not (ARGV[3] == 'gap' and last < sequence) then
  return { 0, last, '', nowMs }
end

local bound = tonumber(ARGV[5])
local entry = { unpack(ARGV, 6) }
if bound then
  local before = redis.call('HMGET', KEYS[3], 'received', 'bytes')
  local bytes = ENTRY_OVERHEAD_BYTES
  for _, part in ipairs(entry) do
    bytes = bytes + #part
  end
  for _, part in ipairs({ 'c', before[1] or '0', 'o', before[2] or '0' }) do
    entry[#entry + 1] = part
  end
  redis.call('HINCRBY', KEYS[3], 'bytes', bytes)
end
local id = redis.call('XADD', KEYS[1], '*', unpack(entry))
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. now)
redis.call('HINCRBY', KEYS[3], 'received', ARGV[4])
redis.call('HINCRBY', KEYS[3], 'appended-entries', 1)
if bound then
  keepWithin(bound)
end
if not known then
  -- A new start of a relay pays for a few old ones that are gone.
  local some = redis.call('HRANDFIELD', KEYS[2], 64, 'WITHVALUES')
  for i = 1, #some, 2 do
    local ms = tonumber(string.match(some[i + 1], ' (%d+)$'))
    if not ms or nowMs - ms > FORGET_MS then
      redis.call('HDEL', KEYS[2], some[i])
    end
  end
end
return { 1, sequence, id, nowMs }
