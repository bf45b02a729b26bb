#!lua flags=no-writes
-- Counts one page of a stream without sending its entries.
-- KEYS  stream      ARGV  start (XRANGE syntax), end, page size
-- Replies {entries, id of the last one or ''}.
local page = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])
return {#page, #page > 0 and page[#page][1] or ''}
