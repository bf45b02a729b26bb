#!lua flags=allow-oom
--[[
Seals a window in one partition: from then on every fold sees its events as late. It happens only when the time has
come by Redis's clock and everything appended before `folded` is folded: delivered, and no longer pending.

And only in the partition that the caller looked at before it made sure that no relay owes anything: one that was emptied
since has lost what relays are sending again, and knows nothing that would say so. Its birth tells, so a partition gets
one here where no fold gave it one yet.

KEYS  stream, sealed bits, birth, stamp
ARGV  group, bit, due (ms), folded (ms), birth as it was seen (or ''), new stamp
Reply 'sealed' (now or before) | 'changed' | 'early' | 'behind'
]]
local birth = redis.call('GET', KEYS[3])
if not birth then
  redis.call('SET', KEYS[3], ARGV[6])
  redis.call('SET', KEYS[4], ARGV[6])
  return 'changed'
end
if birth ~= ARGV[5] then
  return 'changed'
end
if redis.call('GETBIT', KEYS[2], ARGV[2]) == 1 then
  return 'sealed'
end
local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if nowMs < tonumber(ARGV[3]) then
  return 'early'
end
local foldedMs = tonumber(ARGV[4])
local function before(id)
  return tonumber(string.match(id, '^%d+')) < foldedMs
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  local delivered
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local fields = {}
    for i = 1, #info, 2 do
      fields[info[i]] = info[i + 1]
    end
    if fields['name'] == ARGV[1] then
      delivered = fields['last-delivered-id']
    end
  end
  if not delivered then
    return 'behind'
  end
  local waiting = redis.call('XRANGE', KEYS[1], '(' .. delivered, '+', 'COUNT', 1)[1]
  if waiting and before(waiting[1]) then
    return 'behind'
  end
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
  if pending[1] > 0 and before(pending[2]) then
    return 'behind'
  end
end
redis.call('SETBIT', KEYS[2], ARGV[2], 1)
return 'sealed'
