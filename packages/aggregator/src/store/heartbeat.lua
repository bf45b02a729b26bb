#!lua flags=allow-oom
--[[
An aggregator says that it is alive and learns who else is. The field of an id reads 'incarnation startedMs lastMs beat'.
`beat` counts this incarnation's heartbeats: if what stands there is older than the last one Redis confirmed, Redis has
lost data since.

KEYS  aggregators
ARGV  id, incarnation, started (ms), beat, forget the dead after (ms), dead after (ms),
      1 at the first beat and else 0, at the first beat the field as it was read before, or ''
Reply {'beat', now ms, previous field or '', [id, field] …}
      | {'taken', now ms, field}: at the first beat, something else stands there than was read, so somebody may be alive;
        later, another incarnation that is alive and started after this one has the id. One that started before is dead
        and its beat came late, or it stands there again because Redis lost data.
]]
local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = string.format('%.0f', nowMs)
local previous = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local started = ARGV[3]
if ARGV[7] == '1' then
  if previous ~= ARGV[8] then
    return { 'taken', nowMs, previous }
  end
elseif previous ~= '' and string.match(previous, '^%S+') ~= ARGV[2] then
  local otherMs, lastMs = string.match(previous, '^%S+ (%d+) (%d+)')
  if lastMs and nowMs - tonumber(lastMs) < tonumber(ARGV[6]) and tonumber(otherMs) > tonumber(started) then
    return { 'taken', nowMs, previous }
  end
end
redis.call('HSET', KEYS[1], ARGV[1], table.concat({ ARGV[2], started, now, ARGV[4] }, ' '))
local all = redis.call('HGETALL', KEYS[1])
local reply = { 'beat', nowMs, previous }
for i = 1, #all, 2 do
  local last = tonumber(string.match(all[i + 1], '^%S+ %d+ (%d+)'))
  if not last or nowMs - last > tonumber(ARGV[5]) then
    redis.call('HDEL', KEYS[1], all[i])
  else
    reply[#reply + 1] = all[i]
    reply[#reply + 1] = all[i + 1]
  end
end
return reply
