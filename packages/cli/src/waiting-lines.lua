#!lua flags=no-writes
-- Adds up the lines of entries that wait to be folded, as a fold would: what no relay can have written has none.
-- KEYS  stream      ARGV  bytes, 'ids', id …                     the entries named
--                         bytes, 'page', first id, last id, 1 if the first is counted already, entries at most
--                                                                a page of the entries between, both included
-- Ends early once it has read so many bytes: an entry may be a thousand times as large as the one before it, so few are
-- read at once.
-- Replies {entries counted, lines, id found first or '', id found last or '', 1 at the end of what was asked for and else
-- 0, ids named that are gone …}. Of the ids named it has dealt with as many as it has counted and missed.
-- Small entries may be followed by large ones: this many large ones may be read before that is known.
local MOST, SMALL_BYTES = 4, 64 * 1024
local stream, maxBytes = KEYS[1], tonumber(ARGV[1])
local reply, bytes = {0, 0, '', '', 0}, 0

-- As batch.ts reads an entry.
local function linesOf(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do
    fields[entry[2][i]] = entry[2][i + 1]
    bytes = bytes + #entry[2][i + 1]
  end
  local n = tonumber(fields['n'])
  if n and n >= 1 and n % 1 == 0 and tonumber(fields['t']) and fields['b'] and fields['d'] then return n end
  return 0
end

local function add(entry)
  local lines = linesOf(entry)
  reply[1] = reply[1] + 1
  reply[2] = reply[2] + lines
end

if ARGV[2] == 'ids' then
  local at, step = 3, 1
  while at <= #ARGV and bytes < maxBytes do
    local last, sofar = math.min(#ARGV, at + step - 1), bytes
    -- Ids that are asked for together mostly stand together in the stream: one look finds them all.
    local found = {}
    for _, entry in ipairs(redis.call('XRANGE', stream, ARGV[at], ARGV[last], 'COUNT', last - at + 1)) do
      found[entry[1]] = entry
    end
    for i = at, last do
      local entry = found[ARGV[i]] or redis.call('XRANGE', stream, ARGV[i], ARGV[i])[1]
      if entry then add(entry) else reply[#reply + 1] = ARGV[i] end
    end
    at = last + 1
    step = bytes - sofar <= SMALL_BYTES and MOST or 1
  end
  reply[5] = at > #ARGV and 1 or 0
  return reply
end

local from, counted, size, seen, before, step = ARGV[3], ARGV[5] == '1', tonumber(ARGV[6]), 0, 0, 1
repeat
  local some, sofar = redis.call('XRANGE', stream, from, ARGV[4], 'COUNT', step), bytes
  for _, entry in ipairs(some) do
    seen = seen + 1
    reply[4] = entry[1]
    if seen == 1 then reply[3] = entry[1] end
    if seen == 1 and counted then
      linesOf(entry)
      -- However large the entry is that was counted before, the page goes on after it.
      before = bytes
    else
      add(entry)
    end
  end
  if #some < step then
    reply[5] = 1
    return reply
  end
  from = '(' .. reply[4]
  step = bytes - sofar <= SMALL_BYTES and MOST or 1
until seen > size or bytes - before >= maxBytes
return reply
