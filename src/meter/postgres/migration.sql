-- One of several processes does it; the others wait.
SELECT pg_advisory_xact_lock(7233174068342059619);

CREATE TABLE IF NOT EXISTS usage_receipts (
    id text PRIMARY KEY,
    time timestamptz NOT NULL,
    key text,
    model text NOT NULL,
    provider text,
    served_model text,
    status smallint NOT NULL,
    outcome text NOT NULL,
    reason text,
    prompt_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    usage_source text NOT NULL,
    cost_usd numeric,
    attempts integer NOT NULL,
    first_token_ms bigint,
    duration_ms bigint NOT NULL,
    receipt jsonb NOT NULL
);

CREATE INDEX IF NOT EXISTS usage_receipts_time ON usage_receipts (time);
CREATE INDEX IF NOT EXISTS usage_receipts_key_time ON usage_receipts (key, time);
