--[[
Folds some stream entries of one partition, or changes nothing at all.

Every check comes before the first write, and XACK is the last write. So an entry is either pending and not counted, or
counted and acked; there is no state between for a crash, a lost reply, a late or repeated command to find. This holds
under any number of callers at once: two who fold the same entry, or the same window from the same version, cannot both
pass the checks.

  pending  every entry is still pending in the group. Without it, a plan that arrives late would add to counters and
           dead letters again.
  version  every window that any line falls in is as the plan believed: sealed, absent, or open at that very version,
           also where the plan adds nothing to it. Without the latter, lines judged duplicates against a history that
           Redis has since lost would be acked and gone.
  verdict  too-many-windows still holds, by Redis's own clock; late and window-full follow from the version.
  seed     identities in the plan were made with the key of this partition's log.

KEYS  stream, seed, windows, open, counters, dead, suspects, dirty, stamp, birth
ARGV  base, group, seed, window (s), lateness (ms), old windows at most, chunk (bytes), dead letters at most (bytes),
      counted, duplicate, suspect (1 or 0), new stamp, number of entries, of windows, of dead letters; then
      per entry: id
      per window: start, claim (sealed, refused, absent, open), version claimed, version after (or ''), record (or '')
      per dead letter: reason, entry id, batch, received ms, lines, the lines themselves
Reply {'folded', now ms, open old windows} | {'seed', now ms, seed} | {'pending', now ms, id not pending …}
      | {'window', now ms, start} | {'verdict', now ms, open old windows}
]]
local base, group = ARGV[1], ARGV[2]
local windowSec, latenessMs, maxOld = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local chunkBytes, maxDeadBytes = tonumber(ARGV[7]), tonumber(ARGV[8])
local entryCount, windowCount, deadCount = tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
local firstEntry = 16
local firstWindow = firstEntry + entryCount
local firstDead = firstWindow + windowCount * 5

local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local seed = redis.call('GET', KEYS[2])
if seed and seed ~= ARGV[3] then
  return { 'seed', nowMs, seed }
end

local notPending = { 'pending', nowMs }
for i = firstEntry, firstWindow - 1 do
  if #redis.call('XPENDING', KEYS[1], group, ARGV[i], ARGV[i], 1) == 0 then
    notPending[#notPending + 1] = ARGV[i]
  end
end
if #notPending > 2 then
  return notPending
end

local oldBefore = (nowMs - latenessMs) / 1000 - windowSec
local openOld = redis.call('ZCOUNT', KEYS[4], '-inf', string.format('(%.3f', oldBefore))
local opening, refusing = 0, false
for i = firstWindow, firstDead - 1, 5 do
  local start, claim, version = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2]
  local index = start / windowSec
  local sealed = redis.call('GETBIT', base .. 'sealed:' .. math.floor(index / 4096), index % 4096) == 1
  local meta = redis.call('HGET', KEYS[3], ARGV[i])
  local holds
  if claim == 'sealed' then
    holds = sealed
  elseif claim == 'open' then
    holds = not sealed and meta and string.sub(meta, 1, #version + 1) == version .. ' '
  else
    holds = not sealed and not meta
  end
  if not holds then
    return { 'window', nowMs, ARGV[i] }
  end
  local old = start < oldBefore
  if claim == 'absent' and old then
    opening = opening + 1
  elseif claim == 'refused' then
    if not old then
      return { 'verdict', nowMs, openOld }
    end
    refusing = true
  end
end
if opening > 0 and openOld + opening > maxOld or refusing and openOld + opening < maxOld then
  return { 'verdict', nowMs, openOld }
end

-- Everything holds: from here on there are only writes, and none can fail.
if not seed then
  redis.call('SET', KEYS[2], ARGV[3])
end
-- Where Redis was emptied the seed may come back, for processes remember it; this never does.
redis.call('SET', KEYS[10], ARGV[12], 'NX')
for i = firstWindow, firstDead - 1, 5 do
  local start, claim, versionAfter, record = ARGV[i], ARGV[i + 1], ARGV[i + 3], ARGV[i + 4]
  if record ~= '' then
    local length, opened = 0, nowMs
    if claim == 'open' then
      local meta = redis.call('HGET', KEYS[3], start)
      length, opened = string.match(meta, '^(%d+) %x+ (%d+)$')
      length = tonumber(length)
    else
      redis.call('ZADD', KEYS[4], start, start)
      redis.call('SET', KEYS[9], ARGV[12])
    end
    -- Chunks are full before the next begins, so an offset alone tells its chunk.
    local from = 1
    while from <= #record do
      local room = chunkBytes - length % chunkBytes
      local piece = string.sub(record, from, from + room - 1)
      redis.call('APPEND', base .. 'log:' .. start .. ':' .. math.floor(length / chunkBytes), piece)
      length = length + #piece
      from = from + #piece
    end
    redis.call('HSET', KEYS[3], start, versionAfter .. ' ' .. string.format('%.0f', opened))
    redis.call('SADD', KEYS[8], start)
  end
end

for i = firstDead, firstDead + deadCount * 6 - 1, 6 do
  local reason, lineCount, lines = ARGV[i], ARGV[i + 4], ARGV[i + 5]
  redis.call('XADD', KEYS[6], '*', 'reason', reason, 'e', ARGV[i + 1], 'b', ARGV[i + 2], 't', ARGV[i + 3],
    'n', lineCount, 'd', lines)
  redis.call('HINCRBY', KEYS[5], 'dead:' .. reason, lineCount)
  redis.call('HINCRBY', KEYS[5], 'dead-letters', 1)
  local deadBytes = redis.call('HINCRBY', KEYS[5], 'dead-bytes', #lines)
  if redis.call('XLEN', KEYS[6]) == 1 then
    -- Whatever was there before is gone, by whoever's hand. Where only some was deleted, the owner counts anew.
    redis.call('HSET', KEYS[5], 'dead-letters', 1, 'dead-bytes', #lines)
    deadBytes = #lines
  end
  -- The oldest give way, and are counted as they go.
  while deadBytes > maxDeadBytes and redis.call('XLEN', KEYS[6]) > 1 do
    local oldest = redis.call('XRANGE', KEYS[6], '-', '+', 'COUNT', 1)[1]
    local fields = oldest[2]
    redis.call('XDEL', KEYS[6], oldest[1])
    redis.call('HINCRBY', KEYS[5], 'dead-letters', -1)
    -- Nothing may fail half way: not for an entry of somebody else's, and not for lines that are empty (Lua has a -0).
    redis.call('HINCRBY', KEYS[5], 'dead-dropped', math.floor(tonumber(fields[10]) or 0))
    deadBytes = redis.call('HINCRBY', KEYS[5], 'dead-bytes', 0 - #(fields[12] or ''))
  end
end

if ARGV[9] ~= '0' then
  redis.call('HINCRBY', KEYS[5], 'counted', ARGV[9])
end
if ARGV[10] ~= '0' then
  redis.call('HINCRBY', KEYS[5], 'duplicate', ARGV[10])
end
redis.call('HINCRBY', KEYS[5], 'folded-entries', entryCount)
for i = firstEntry, firstWindow - 1, 1000 do
  local last = math.min(i + 999, firstWindow - 1)
  if ARGV[11] == '1' then
    redis.call('HDEL', KEYS[7], unpack(ARGV, i, last))
  end
  redis.call('XACK', KEYS[1], group, unpack(ARGV, i, last))
end
return { 'folded', nowMs, openOld + opening }
