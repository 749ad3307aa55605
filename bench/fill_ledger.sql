-- A ledger of $cases cases and ten times as many model calls, for measuring reports. Like one that
-- was imported: every price can be worked out again, postings balance, outcomes come later.
-- fill_ledger.c sets the variables: cases; workflows they are spread over, 1..6; attributes a case
-- has; models and, for each of them, in p$ per token: rate_input, rate_read, rate_write,
-- rate_output, and price_id, the book's row of those rates; from_ns, when the first call was made.

RESET threads;

-- A case has one attempt, or up to three. Its calls come one after another, two days later the
-- outcome; in 5 % there is none.
CREATE TEMP MACRO attempts_of(i) AS
    1 + (hash(i, 'second') % 10 < 2)::BIGINT + (hash(i, 'third') % 10 < 1)::BIGINT;
CREATE TEMP MACRO workflow_of(i) AS
    ['claims', 'code', 'contracts', 'invoices', 'research', 'tickets'][1 + i % getvariable('workflows')];
CREATE TEMP MACRO case_key_of(i) AS hash(i, 'case');
CREATE TEMP MACRO attempt_key_of(i, k) AS hash(i, k, 'attempt');
CREATE TEMP MACRO import_of(i) AS (1 + i // 12000)::INTEGER;
CREATE TEMP MACRO model_of(i) AS CAST(1 + hash(i, 'model') % len(getvariable('models'))::UBIGINT AS BIGINT);
CREATE TEMP MACRO drawn(i, what, most) AS (hash(i, what) % most)::BIGINT;

INSERT INTO cases
SELECT case_key_of(i), workflow_of(i), 'case-' || i, NULL, 0, import_of(i)
FROM range(getvariable('cases')) r(i);

-- 2 to 6 values each, the first ones more often than the last.
INSERT INTO case_attributes
SELECT case_key_of(i), 'attribute_' || chr(CAST(97 + a AS INTEGER)),
       'value_' || least(drawn(i, a * 7 + 1, 2 + a % 5), drawn(i, a * 7 + 2, 2 + a % 5)), import_of(i)
FROM range(getvariable('cases')) r(i), range(getvariable('attributes')) t(a);

INSERT INTO attempts
SELECT attempt_key_of(i, k), case_key_of(i), 'run-' || i || '-' || k, k + 1, 'agent 1.0', NULL,
       import_of(i)
FROM range(getvariable('cases')) r(i), range(3) t(k) WHERE k < attempts_of(i);

INSERT INTO steps BY NAME
SELECT hash(j, 'step')::HUGEINT * 1000003 + j AS step_key, attempt_key_of(i, k) AS attempt_key,
       case_key_of(i) AS case_key, workflow_of(i) AS workflow, 0 AS kind, 0 AS status, 0 AS effect,
       2 AS channel, j % 10 AS sequence, began AS started_ns, began + 4000000000 AS ended_ns,
       0 AS caller, 'anthropic' AS provider, getvariable('models')[m] AS model, 0 AS tier, input
       AS input_uncached, cached AS cache_read, written AS cache_write_5m, 0 AS cache_write_1h,
       0 AS input_audio, 0 AS input_image, output, 0 AS output_audio, 1 AS requests,
       0 AS web_searches, 0 AS reasoning,
       '{"input_tokens":' || input || ',"cache_creation_input_tokens":' || written
         || ',"cache_read_input_tokens":' || cached || ',"output_tokens":' || output || '}'
         AS raw_usage,
       1 AS cost_basis,
       input * getvariable('rate_input')[m] + cached * getvariable('rate_read')[m]
         + written * getvariable('rate_write')[m] + output * getvariable('rate_output')[m] AS cost_pusd,
       getvariable('price_id')[m] AS price_id, 0 AS human_ms, 0 AS args_hash, 0 AS args_bytes,
       0 AS result_bytes, 1 AS source_id, j + 1 AS line, import_of(i) AS import_id
FROM (SELECT j, j // 10 AS i, j % attempts_of(j // 10) AS k, model_of(j // 10) AS m,
             getvariable('from_ns') + j * 3000000000 AS began,
             drawn(j, 'input', 1000) AS input, drawn(j, 'cached', 60000) AS cached,
             drawn(j, 'written', 3000) AS written, drawn(j, 'output', 900) AS output
      FROM range(getvariable('cases') * 10) r(j));

INSERT INTO outcomes BY NAME
SELECT hash(i, 'outcome')::HUGEINT AS outcome_key, hash(i, 'said') AS content_hash,
       'outcome-' || i AS outcome_id, 1 AS revision, case_key_of(i) AS case_key,
       workflow_of(i) AS workflow, 'case-' || i AS case_id,
       CASE WHEN drawn(i, 'status', 10) < 8 THEN 0 ELSE 1 END AS status,
       getvariable('from_ns') + i * 30000000000 + 172800000000000 AS effective_ns,
       getvariable('from_ns') + i * 30000000000 + 172900000000000 AS recorded_ns,
       CASE WHEN drawn(i, 'people', 20) = 0 THEN 300000 ELSE 0 END AS human_ms, 'crm' AS source,
       import_of(i) AS import_id
FROM range(getvariable('cases')) r(i) WHERE drawn(i, 'outcome', 20) > 0;

INSERT INTO imports
SELECT import_id, getvariable('from_ns'), 'fill_ledger', 1, count(*), 0 FROM steps GROUP BY import_id;

INSERT INTO postings
WITH sums AS (
  SELECT import_id, CAST(started_ns // 86400000000000 AS INTEGER) AS day, workflow, provider,
         CAST(sum(cost_pusd) AS HUGEINT) AS amount
  FROM steps GROUP BY ALL
), numbered AS (
  SELECT *, row_number() OVER (PARTITION BY import_id ORDER BY day, workflow) AS number FROM sums
)
SELECT import_id::BIGINT * 4294967296 + number, import_id, day, account, workflow, provider,
       CASE WHEN account = 0 THEN amount ELSE -amount END
FROM numbered, (VALUES (0), (1)) a(account);

CHECKPOINT;
