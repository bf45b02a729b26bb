#!lua flags=allow-oom
--[[
A relay says that it is alive and up to when everything it received is in Redis. The field of an id reads
'incarnation startedMs lastMs drainedMs'. Small and rare enough to be allowed when memory is short: aggregators wait for
relays that fall silent.

KEYS  relays
ARGV  id, incarnation, started (ms), drained (ms, or '': as this incarnation said last, by what stands there, or else
      since), since (ms), dead after (ms), 1 at the first report and else 0, at the first report the field as it was read
      before, or ''
Reply {'reported', now ms, previous field or ''}
      | {'taken', now ms, field}: at the first report, something else stands there than was read, so somebody may be alive;
        later, another incarnation that is alive and started after this one has the id. One that started before is dead
        and its report came late, or it stands there again because Redis lost data.
]]
local FORGET_MS = 30 * 24 * 3600 * 1000

local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = string.format('%.0f', nowMs)
local previous = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local started = ARGV[3]
if ARGV[7] == '1' then
  if previous ~= ARGV[8] then
    return { 'taken', nowMs, previous }
  end
  -- A relay that starts clears away those that are gone for good, whatever --hold is.
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local lastMs = tonumber(string.match(all[i + 1], '^%S+ %S+ (%d+)'))
    if not lastMs or nowMs - lastMs > FORGET_MS then
      redis.call('HDEL', KEYS[1], all[i])
    end
  end
elseif previous ~= '' and string.match(previous, '^%S+') ~= ARGV[2] then
  local otherMs, lastMs = string.match(previous, '^%S+ (%d+) (%d+)')
  if lastMs and nowMs - tonumber(lastMs) < tonumber(ARGV[6]) and tonumber(otherMs) > tonumber(started) then
    return { 'taken', nowMs, previous }
  end
end
local drained = ARGV[4]
if drained == '' then
  drained = string.match(previous, '^' .. ARGV[2] .. ' %d+ %d+ (%d+)') or ARGV[5]
end
redis.call('HSET', KEYS[1], ARGV[1], table.concat({ ARGV[2], started, now, drained }, ' '))
return { 'reported', nowMs, previous }
