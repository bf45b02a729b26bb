#!lua flags=allow-oom
--[[
Removes a final record that every sink is done with. It frees memory, so it must run when there is none left; the stamp is
the one thing it writes, and stays as long as it was.

KEYS  final record, finals, stamp
ARGV  start, new stamp
]]
redis.call('UNLINK', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('SET', KEYS[3], ARGV[2])
