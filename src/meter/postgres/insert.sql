INSERT INTO usage_receipts (
    id, time, key, model, provider, served_model, status, outcome, reason,
    prompt_tokens, cached_tokens, cache_write_tokens, completion_tokens, reasoning_tokens, usage_source,
    cost_usd, attempts, first_token_ms, duration_ms, receipt
)
SELECT
    line->>'id', (line->>'time')::timestamptz, line->>'key', line->>'model', line->>'provider', line->>'served_model',
    (line->>'status')::smallint, line->>'outcome', line->>'reason',
    -- A figure that no bigint holds is nobody's bill, but no reason to lose the receipt.
    least((line->>'prompt_tokens')::numeric, 9223372036854775807)::bigint,
    least((line->>'cached_tokens')::numeric, 9223372036854775807)::bigint,
    least((line->>'cache_write_tokens')::numeric, 9223372036854775807)::bigint,
    least((line->>'completion_tokens')::numeric, 9223372036854775807)::bigint,
    least((line->>'reasoning_tokens')::numeric, 9223372036854775807)::bigint,
    line->>'usage_source', (line->>'cost_usd')::numeric, (line->>'attempts')::integer,
    (line->>'first_token_ms')::bigint, (line->>'duration_ms')::bigint, line
FROM jsonb_array_elements($1::text::jsonb) AS line
ON CONFLICT (id) DO NOTHING
