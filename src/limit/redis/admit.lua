-- Admits an estimate with all limits of all subjects, or with none.
-- ARGV: mode (enforce, count, peek), requests, tokens, nano-dollars, lease, microseconds of a lease; then for each subject
-- amount and window of requests and tokens, answers at once, nano-dollars and window of the budget. KEYS: for each
-- subject its hash and its leases.
local mode, requests, tokens, nano, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]

local subjects, refusal = {}, nil

-- The refusal that takes longest to pass; -1 is for ever.
local function refuse(place, dimension, used, wait)
  local longer = not refusal or (refusal[4] >= 0 and (wait < 0 or wait > refusal[4]))
  if longer then refusal = {place, dimension, used, wait} end
end

local function check(place, dimension, rate, level, units)
  if rate.amount == 0 then return refuse(place, dimension, '0', -1) end
  local surplus = level + units - rate.amount
  -- What doubles lose: never as much as a billionth of a unit, or of what the rate is.
  if surplus <= math.max(1e-9, rate.amount * 1e-12) then return end
  refuse(place, dimension, text(level), math.ceil(surplus * rate.window / rate.amount))
end

for place = 1, #KEYS / 2 do
  local subject = read(KEYS[place * 2 - 1], KEYS[place * 2], limits_of(place, 6, 7))
  subjects[place] = subject
  if mode ~= 'peek' then
    if subject.requests then check(place, 'r', subject.requests, subject.rl, requests) end
    if subject.tokens then check(place, 't', subject.tokens, subject.tl, tokens) end
    if subject.parallel then
      local running = redis.call('ZCARD', subject.leases)
      if running >= subject.parallel then refuse(place, 'p', tostring(running), -1) end
    end
    if subject.budget then
      local used = add(subject.spent, subject.reserved)
      if compare(used, subject.budget) >= 0 or compare(add(used, nano), subject.budget) > 0 then
        refuse(place, 'b', used, compare(subject.budget, '0') == 0 and -1 or subject.ends)
      end
    end
  end
end

local admitted = mode == 'count' or (mode == 'enforce' and not refusal)
local answer = {admitted and 1 or 0, refusal and {refusal[1], refusal[2], refusal[3], text(refusal[4])} or {}}
for _, subject in ipairs(subjects) do
  local mark = subject.td + subject.tl
  if admitted then
    if subject.requests then subject.rl = subject.rl + requests end
    if subject.tokens then subject.tl = subject.tl + tokens end
    redis.call('ZADD', subject.leases, text(now + tonumber(ARGV[6])), lease)
    redis.call('PEXPIRE', subject.leases, string.format('%.0f', math.ceil(tonumber(ARGV[6]) / 1000) + 1000))
    if subject.budget and nano ~= '0' then
      subject.reserved = add(subject.reserved, nano)
      redis.call('HINCRBY', subject.key, 'reserved', nano)
      redis.call('HSET', subject.key, 'held:' .. lease, nano)
    end
    write(subject)
  end
  local stands = standing(subject)
  table.insert(stands, text(mark))
  table.insert(answer, stands)
end
return answer
