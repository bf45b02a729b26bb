#!lua flags=no-writes
--[[
The windows of one partition whose totals are not published at their present version.

KEYS  dirty, windows
Reply now ms, then start, meta per window; meta is '' when the window is gone
]]
local time = redis.call('TIME')
local reply = { tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) }
for _, start in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  reply[#reply + 1] = start
  reply[#reply + 1] = redis.call('HGET', KEYS[2], start) or ''
end
return reply
