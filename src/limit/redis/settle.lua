-- Replaces an estimate by the truth.
-- ARGV: lease, reserved requests and tokens, true requests, tokens and nano-dollars; then for each subject the seven of
-- admit.lua and the mark of its tokens. KEYS: for each subject its hash, its leases and what was settled lately.
--
-- A settlement whose answer was lost on the way comes again: then it is known as settled, and nothing is done.
-- A subject that does not know the lease holds nothing for it: the script never ran there, its memory was flushed, or the
-- limits were counted elsewhere while it was away. Then the truth is charged as a whole.
local lease = ARGV[1]
local reserved_requests, reserved_tokens = tonumber(ARGV[2]), tonumber(ARGV[3])
local requests, tokens, nano = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]

-- How long a settlement is known, in microseconds. It is forgotten by the next one, so an outage may last longer.
local KNOWN = 120000000

-- Whether a lease is settled for the first time. 0 stands for a sum of several, which have no lease.
local function settles(settled)
  if lease == '0' then return true end
  local is_new = not redis.call('ZSCORE', settled, lease)
  redis.call('ZREMRANGEBYSCORE', settled, '-inf', now - KNOWN)
  redis.call('ZADD', settled, text(now), lease)
  redis.call('PEXPIRE', settled, KNOWN / 1000)
  return is_new
end

local function settle(place)
  local limits = limits_of(place, 6, 8)
  local subject = read(KEYS[place * 3 - 2], KEYS[place * 3 - 1], limits)
  local held = redis.call('ZREM', subject.leases, lease) == 1
  local had_requests, had_tokens = 0, 0
  if held then had_requests, had_tokens = reserved_requests, reserved_tokens end

  subject.rl = math.max(subject.rl + requests - had_requests, 0)
  if tokens >= had_tokens then
    subject.tl = subject.tl + tokens - had_tokens
  else
    local left = math.max(tonumber(limits[8]) + had_tokens - subject.td, 0)
    -- What comes back counts as drained, so that a later refund can only give back too little.
    local back = math.min(left, had_tokens - tokens, subject.tl)
    subject.tl, subject.td = subject.tl - back, subject.td + back
  end
  local money_held = redis.call('HGET', subject.key, 'held:' .. lease)
  if money_held then
    redis.call('HDEL', subject.key, 'held:' .. lease)
    redis.call('HINCRBY', subject.key, 'reserved', '-' .. money_held)
  end
  if subject.budget and nano ~= '0' then
    -- Nine billion dollars are the most that Redis can add up.
    if compare(add(subject.spent, nano), '9000000000000000000') > 0 then
      redis.call('HSET', subject.key, 'spent', '9000000000000000000')
    else
      redis.call('HINCRBY', subject.key, 'spent', nano)
    end
  end
  write(subject)
end

for place = 1, #KEYS / 3 do
  if settles(KEYS[place * 3]) then settle(place) end
end
return 1
