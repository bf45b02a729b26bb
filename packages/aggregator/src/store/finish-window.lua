#!lua flags=allow-oom
--[[
Notes that a sink is done with a window. Some bytes, and the final record cannot go before they stand: so they are
written when memory is short, too.

Like all books it is not kept for ever: one that is noted after the record went would else stay behind.

KEYS  the sink's books of the window
ARGV  reason: 'settled' | 'given-up'
]]
local FORGET_MS = 30 * 24 * 3600 * 1000

redis.call('HSET', KEYS[1], 'done', ARGV[1])
redis.call('PEXPIRE', KEYS[1], FORGET_MS)
