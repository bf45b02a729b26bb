#!lua flags=no-writes
-- Adds up the lines of entries that wait to be folded, as a fold would: what no relay can have written has none.
-- KEYS  stream      ARGV  'ids', id …                                the entries named
--                         'page', first id, last id, page size       a page of the entries between, both included
-- Replies {entries found, lines, id found first or '', id after the page or '', ids named that are gone …}.
local stream = KEYS[1]

-- As batch.ts reads an entry.
local function lines(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  local n = tonumber(fields['n'])
  if not (n and n >= 1 and n % 1 == 0 and tonumber(fields['t']) and fields['b'] and fields['d']) then return 0 end
  return n
end

local reply = {0, 0, '', ''}
local function add(entry)
  reply[1] = reply[1] + 1
  reply[2] = reply[2] + lines(entry)
end

if ARGV[1] == 'ids' then
  for i = 2, #ARGV do
    local entry = redis.call('XRANGE', stream, ARGV[i], ARGV[i])[1]
    if entry then add(entry) else reply[#reply + 1] = ARGV[i] end
  end
  return reply
end
local size = tonumber(ARGV[4])
local page = redis.call('XRANGE', stream, ARGV[2], ARGV[3], 'COUNT', size + 1)
for i = 1, math.min(size, #page) do add(page[i]) end
if #page > 0 then reply[3] = page[1][1] end
if #page > size then reply[4] = page[size + 1][1] end
return reply
