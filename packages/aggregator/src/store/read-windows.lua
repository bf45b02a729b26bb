--[[
What Redis knows of some windows of one partition, and what their logs hold beyond what the caller has. The caller's
bytes stand when the nonce that ends them is found at that place; else the log is given from its start.

KEYS  seed, windows, open
ARGV  base, window (s), lateness (ms), chunk (bytes), log bytes to answer at most; then
      per window: start, length known, nonce known (16 bytes, or '')
Reply now ms, seed or '', open old windows; then per window {state, meta, offset, bytes}
      state 'sealed' | 'absent' | 'open'; meta 'length nonce openedMs', '' when there is no log (a sealed window keeps
      its log until its final record stands); bytes of the log from offset on
]]
local base, windowSec, latenessMs = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local chunkBytes, budget = tonumber(ARGV[4]), tonumber(ARGV[5])

local function read(start, from, to)
  local pieces = {}
  while from < to do
    local chunk = math.floor(from / chunkBytes)
    local offset = from - chunk * chunkBytes
    local last = math.min(to - chunk * chunkBytes, chunkBytes) - 1
    local piece = redis.call('GETRANGE', base .. 'log:' .. start .. ':' .. chunk, offset, last)
    if #piece == 0 then
      break
    end
    pieces[#pieces + 1] = piece
    from = from + #piece
  end
  return table.concat(pieces)
end

local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local oldBefore = (nowMs - latenessMs) / 1000 - windowSec
local openOld = redis.call('ZCOUNT', KEYS[3], '-inf', string.format('(%.3f', oldBefore))
local reply = { nowMs, redis.call('GET', KEYS[1]) or '', openOld }
for i = 6, #ARGV, 3 do
  local start, known, nonce = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local index = tonumber(start) / windowSec
  local meta = redis.call('HGET', KEYS[2], start)
  local sealed = redis.call('GETBIT', base .. 'sealed:' .. math.floor(index / 4096), index % 4096) == 1
  local state = sealed and 'sealed' or meta and 'open' or 'absent'
  if not meta then
    reply[#reply + 1] = { state, '', 0, '' }
  else
    local length = tonumber(string.match(meta, '^%d+'))
    local from = 0
    if known >= 16 and known <= length and read(start, known - 16, known) == nonce then
      from = known
    end
    local bytes = read(start, from, math.min(length, from + budget))
    budget = math.max(0, budget - #bytes)
    reply[#reply + 1] = { state, meta, from, bytes }
  end
end
return reply
