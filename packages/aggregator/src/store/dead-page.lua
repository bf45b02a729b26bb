#!lua flags=no-writes
-- Measures some dead letters without sending them.
-- KEYS  dead      ARGV  start (XRANGE syntax), end, letters at most
-- Replies {letters, bytes of their lines as fold.lua counts them, id of the last one or ''}.
local page = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])
local bytes = 0
for _, letter in ipairs(page) do
  bytes = bytes + #(letter[2][12] or '')
end
return { #page, bytes, #page > 0 and page[#page][1] or '' }
