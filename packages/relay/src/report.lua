#!lua flags=allow-oom
--[[
A relay says that it is alive and up to when everything it received is in Redis. The field of an id reads
'incarnation startedMs lastMs drainedMs'. Small and rare enough to be allowed when memory is short: aggregators wait for
relays that fall silent.

KEYS  relays
ARGV  id, incarnation, started (ms, or '' at the first report), drained (ms, or '': as of its start), dead after (ms)
Reply {'reported', now ms, previous field or ''} | {'taken', now ms, field} when another incarnation that is alive has the
      id and this one is not at its first report. One that is dead may stand there again after Redis lost data.
]]
local FORGET_MS = 30 * 24 * 3600 * 1000

local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = string.format('%.0f', nowMs)
local previous = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local started = ARGV[3]
if started == '' then
  started = now
  -- A relay that starts clears away those that are gone for good, whatever --hold is.
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local lastMs = tonumber(string.match(all[i + 1], '^%S+ %S+ (%d+)'))
    if not lastMs or nowMs - lastMs > FORGET_MS then
      redis.call('HDEL', KEYS[1], all[i])
    end
  end
elseif previous ~= '' and string.match(previous, '^%S+') ~= ARGV[2] then
  local lastMs = tonumber(string.match(previous, '^%S+ %S+ (%d+)'))
  if lastMs and nowMs - lastMs < tonumber(ARGV[5]) then
    return { 'taken', nowMs, previous }
  end
end
local drained = ARGV[4]
if drained == '' then
  drained = started
end
redis.call('HSET', KEYS[1], ARGV[1], table.concat({ ARGV[2], started, now, drained }, ' '))
return { 'reported', nowMs, previous }
