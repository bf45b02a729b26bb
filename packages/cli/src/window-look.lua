#!lua flags=no-writes
--[[
What one partition holds of a window, of one moment. Not as a transaction: Redis refuses those when memory is short, and
that is when somebody will look.

KEYS  windows, totals
ARGV  start
Reply {meta of the window or false, published totals or false}
]]
return { redis.call('HGET', KEYS[1], ARGV[1]), redis.call('GET', KEYS[2]) }
