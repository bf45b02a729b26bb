#!lua flags=no-writes
--[[
How much of what is bounded a partition's streams hold.

KEYS  stream, dead, counters
Reply {stream entries, its memory (bytes, estimated by Redis from samples), letters in the dead-letter stream, id of the
       newest of them or '', letters that the counters know, bytes that they know, lines dropped}
]]
local function count(name)
  return tonumber(redis.call('HGET', KEYS[3], name) or '0')
end
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
return {
  redis.call('XLEN', KEYS[1]),
  redis.call('MEMORY', 'USAGE', KEYS[1]) or 0,
  redis.call('XLEN', KEYS[2]),
  newest and newest[1] or '',
  count('dead-letters'),
  count('dead-bytes'),
  count('dead-dropped'),
}
