-- Adds entries to a stream, each of them once.
-- KEYS: the stream, and the ids that were added lately, by time. ARGV: how long they are remembered, in milliseconds; the
-- length of the stream, or 0; and the id and the line of each entry.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local added = 0
for at = 3, #ARGV, 2 do
  local id, line = ARGV[at], ARGV[at + 1]
  if not redis.call('ZSCORE', KEYS[2], id) then
    -- The stream first: a server that is out of memory refuses the first write of a script, and no later one.
    if length > 0 then
      redis.call('XADD', KEYS[1], 'MAXLEN', '~', length, '*', 'id', id, 'receipt', line)
    else
      redis.call('XADD', KEYS[1], '*', 'id', id, 'receipt', line)
    end
    redis.call('ZADD', KEYS[2], now, id)
    added = added + 1
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. (now - window))
redis.call('PEXPIRE', KEYS[2], window)
return added
