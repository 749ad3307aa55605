-- All SQL of the two stores: DuckDB's, and behind "control store" SQLite's. `-- name: x` begins the query QUERY_x; `-- fragment: y` a piece that later
-- queries take in with a line `{y}`. Words stored as numbers are the enums of model/: steps.kind 0
-- is llm; steps.cost_basis 1 priced, 2 reported, 3 unpriced; outcomes.status 0 resolved, 1 failed,
-- 2 reopened, 3 escalated, 4 candidate.

-- ============================================================ import

-- name: any_step
SELECT 1 FROM steps LIMIT 1

-- name: next_import
SELECT coalesce(max(import_id), 0) + 1 FROM imports

-- name: sources
SELECT path, format, size, mtime_ns, inode, head_hash, head_bytes, next_offset, next_line, state
FROM sources

-- name: forget_staged_sources
DELETE FROM sources WHERE source_id IN (SELECT source_id FROM staged_sources)

-- Live rows with the keys that are about to be added, and what decides which reading stays.
-- name: known_steps
SELECT s.step_key, s.channel, s.kind, s.status,
       s.input_uncached + s.cache_read + s.cache_write_5m + s.cache_write_1h + s.input_audio
         + s.input_image + s.output + s.output_audio,
       s.result_bytes, s.ended_ns, s.cost_pusd, s.cost_basis, s.started_ns, s.workflow, s.provider
FROM steps s SEMI JOIN staged_probes USING (step_key)

-- name: supersede_staged_probes
INSERT INTO superseded_steps
SELECT s.*, CAST($1 AS INTEGER) FROM steps s SEMI JOIN staged_probes USING (step_key)

-- name: delete_staged_probes
DELETE FROM steps WHERE step_key IN (SELECT step_key FROM staged_probes)

-- Two different cases under one key: cannot be told apart, must not be mixed.
-- name: case_collision
SELECT s.workflow, s.case_id, c.workflow, c.case_id
FROM staged_cases s JOIN cases c USING (case_key)
WHERE s.case_id <> c.case_id OR s.workflow <> c.workflow LIMIT 1

-- name: add_staged_cases
INSERT INTO cases SELECT * FROM staged_cases ANTI JOIN cases USING (case_key)

-- name: add_staged_attempts
INSERT INTO attempts SELECT * FROM staged_attempts ANTI JOIN attempts USING (attempt_key)

-- name: add_staged_attributes
INSERT INTO case_attributes
SELECT * FROM staged_case_attributes ANTI JOIN case_attributes USING (case_key, name)

-- name: add_staged_rejects
INSERT INTO rejects SELECT * FROM staged_rejects ANTI JOIN rejects USING (path, line, reason)

-- name: add_staged_outcomes
INSERT INTO outcomes
SELECT s.* REPLACE (CAST(coalesce(r.newest, 0) + row_number()
         OVER (PARTITION BY s.outcome_key ORDER BY s.recorded_ns, s.effective_ns, s.status)
         AS INTEGER) AS revision)
FROM staged_outcomes s
     ANTI JOIN outcomes o ON o.outcome_key = s.outcome_key AND o.content_hash = s.content_hash
     LEFT JOIN (SELECT outcome_key, max(revision) AS newest FROM outcomes GROUP BY outcome_key) r
       ON r.outcome_key = s.outcome_key

-- ============================================================ settings of a report

-- name: settings_create
CREATE OR REPLACE TEMP TABLE workflow_settings (
  workflow VARCHAR, human_rate_pusd BIGINT, value_pusd BIGINT, takes_candidates BOOLEAN)

-- name: settings_add
INSERT INTO workflow_settings VALUES ($1, $2, $3, $4)

-- ============================================================ true cost of cases

-- $1 since, $2 until (when the case began, ns), $3 as of (ns), $4 workflow ('' for all).
-- economics.md section 3: one row a case, its parts in p$ add up to its cost.
-- fragment: case_costs
WITH said AS (
  SELECT o.case_key,
         CASE WHEN o.status = 4 THEN 0 ELSE o.status END AS status,
         coalesce(o.effective_ns, 9223372036854775807) AS effective_ns,
         o.recorded_ns, o.revision, o.value_pusd, o.human_ms
  FROM outcomes o LEFT JOIN workflow_settings w USING (workflow)
  WHERE o.recorded_ns <= $3 AND ($4 = '' OR o.workflow = $4)
    AND (o.status <> 4 OR w.takes_candidates)
    AND NOT EXISTS (SELECT 1 FROM outcomes l WHERE l.revision > 1 AND l.recorded_ns <= $3
                    AND l.outcome_key = o.outcome_key AND l.revision > o.revision)
), outcome AS (
  SELECT case_key,
         arg_max(status, (effective_ns, recorded_ns, revision)) AS status,
         min(effective_ns) FILTER (status = 0) AS resolved_ns,
         arg_max(value_pusd, effective_ns) FILTER (status = 0) AS value_pusd,
         sum(human_ms) AS human_ms
  FROM said GROUP BY case_key
), late AS (
  SELECT s.case_key, sum(s.human_ms) AS human_ms
  FROM said s JOIN outcome o USING (case_key)
  WHERE s.human_ms > 0 AND s.effective_ns > o.resolved_ns GROUP BY s.case_key
), spent AS (
  SELECT attempt_key, min(started_ns) AS started_ns,
         CAST(coalesce(sum(cost_pusd), 0) AS BIGINT) AS cost_pusd,
         CAST(coalesce(sum(CASE WHEN kind <> 0 THEN cost_pusd END), 0) AS BIGINT) AS fee_pusd,
         CAST(sum(human_ms) AS BIGINT) AS human_ms,
         CAST(sum(CASE WHEN kind = 0 THEN 1 ELSE 0 END) AS INTEGER) AS calls,
         CAST(sum(CASE WHEN cost_basis = 3 THEN 1 ELSE 0 END) AS INTEGER) AS unpriced
  FROM steps
  WHERE (started_ns IS NULL OR started_ns <= $3) AND ($4 = '' OR workflow = $4)
  GROUP BY attempt_key
), tried AS (
  SELECT a.case_key, a.attempt_key, s.started_ns,
         CASE WHEN a.number > 0 THEN a.number ELSE coalesce(s.started_ns, 0) END AS place,
         s.cost_pusd, s.fee_pusd, s.human_ms, s.calls, s.unpriced,
         o.resolved_ns IS NULL OR coalesce(s.started_ns, 0) <= o.resolved_ns AS before
  FROM attempts a LEFT JOIN spent s USING (attempt_key) LEFT JOIN outcome o USING (case_key)
  WHERE s.attempt_key IS NOT NULL OR $3 = 9223372036854775807
), summed AS (
  SELECT case_key, min(started_ns) AS began_ns, count(*) AS attempts,
         sum(CASE WHEN before THEN 1 ELSE 0 END) AS attempts_before,
         sum(cost_pusd) AS cost_pusd,
         sum(CASE WHEN before THEN cost_pusd END) AS before_pusd,
         sum(CASE WHEN NOT before THEN cost_pusd END) AS after_pusd,
         arg_max(cost_pusd, CASE WHEN before THEN place END) AS last_pusd,
         sum(fee_pusd) AS fee_pusd,
         sum(CASE WHEN before THEN human_ms END) AS human_before_ms,
         sum(CASE WHEN NOT before THEN human_ms END) AS human_after_ms,
         sum(calls) AS calls, sum(unpriced) AS unpriced
  FROM tried GROUP BY case_key
), priced AS (
  SELECT c.case_key, c.workflow, c.named_by, c.case_id,
         s.began_ns, coalesce(s.attempts, 0) AS attempts,
         coalesce(s.attempts_before, 0) AS attempts_before,
         coalesce(s.cost_pusd, 0) AS cost_pusd,
         coalesce(s.before_pusd, 0) AS before_pusd, coalesce(s.after_pusd, 0) AS after_pusd,
         coalesce(s.last_pusd, 0) AS last_pusd, coalesce(s.fee_pusd, 0) AS fee_pusd,
         coalesce(s.calls, 0) AS calls, coalesce(s.unpriced, 0) AS unpriced,
         CASE WHEN o.status IS NULL OR o.status = 2 THEN 2 WHEN o.status = 0 THEN 0 ELSE 1 END
           AS state,
         coalesce(o.value_pusd, w.value_pusd) AS value_pusd,
         o.value_pusd IS NOT NULL AS value_recorded,
         ((coalesce(s.human_before_ms, 0) + coalesce(o.human_ms, 0) - coalesce(l.human_ms, 0))
           * CAST(coalesce(w.human_rate_pusd, 0) AS HUGEINT) + 1800000) // 3600000 AS human_pusd,
         ((coalesce(s.human_after_ms, 0) + coalesce(l.human_ms, 0))
           * CAST(coalesce(w.human_rate_pusd, 0) AS HUGEINT) + 1800000) // 3600000
           AS correction_pusd,
         coalesce(s.human_before_ms, 0) + coalesce(s.human_after_ms, 0)
           + coalesce(o.human_ms, 0) AS human_ms
  FROM cases c LEFT JOIN summed s USING (case_key) LEFT JOIN outcome o USING (case_key)
       LEFT JOIN late l USING (case_key) LEFT JOIN workflow_settings w ON w.workflow = c.workflow
  WHERE ($4 = '' OR c.workflow = $4)
    AND (s.case_key IS NOT NULL OR o.case_key IS NOT NULL)
    AND ($1 = -9223372036854775808 OR s.began_ns >= $1)
    AND ($2 = 9223372036854775807 OR s.began_ns < $2)
), case_costs AS (
  SELECT *,
         CASE WHEN state = 0 THEN last_pusd ELSE 0 END AS base_pusd,
         CASE WHEN state = 0 THEN before_pusd - last_pusd ELSE 0 END AS retry_tail_pusd,
         CASE WHEN state = 1 THEN before_pusd ELSE 0 END AS sunk_pusd,
         CASE WHEN state <> 2 THEN after_pusd + correction_pusd ELSE 0 END AS rework_pusd,
         CASE WHEN state <> 2 THEN human_pusd ELSE 0 END AS people_pusd,
         CASE WHEN state = 2 THEN cost_pusd + human_pusd + correction_pusd ELSE 0 END AS open_pusd,
         cost_pusd + human_pusd + correction_pusd AS total_pusd
  FROM priced
)

-- One row a workflow. Money in p$ exactly; the last columns are sums for statistics, in USD.
-- name: report_workflows
{case_costs}
SELECT workflow, count(*), count(*) FILTER (state = 2), sum(attempts),
       count(*) FILTER (state = 0), sum(calls), sum(unpriced),
       sum(total_pusd), sum(base_pusd), sum(retry_tail_pusd), sum(sunk_pusd), sum(rework_pusd),
       sum(people_pusd), sum(open_pusd), sum(fee_pusd),
       coalesce(sum(value_pusd) FILTER (state = 0), 0),
       count(*) FILTER (state = 0 AND value_pusd IS NULL),
       count(*) FILTER (state = 0 AND value_recorded),
       count(*) FILTER (state = 0 AND attempts_before = 1),
       coalesce(sum(attempts) FILTER (state <> 2), 0),
       coalesce(sum(cost_pusd) FILTER (state <> 2), 0),
       sum(human_ms), count(*) FILTER (named_by = 1),
       min(began_ns) FILTER (state = 2), min(began_ns), max(began_ns),
       coalesce(sum(power(CAST(total_pusd AS DOUBLE) / 1e12, 2)) FILTER (state <> 2), 0.0),
       coalesce(sum(CAST(total_pusd AS DOUBLE) / 1e12) FILTER (state = 0), 0.0),
       coalesce(sum(CAST(value_pusd AS DOUBLE) / 1e12) FILTER (state = 0), 0.0),
       coalesce(sum(power(CAST(value_pusd AS DOUBLE) / 1e12, 2)) FILTER (state = 0), 0.0),
       coalesce(sum(CAST(value_pusd AS DOUBLE) / 1e12 * CAST(total_pusd AS DOUBLE) / 1e12)
         FILTER (state = 0), 0.0)
FROM case_costs GROUP BY workflow ORDER BY sum(total_pusd) DESC, workflow

-- Closed cases of one workflow for the bootstrap, in a fixed order: cost, resolved, value (USD).
-- name: report_closed_cases
{case_costs}
SELECT CAST(total_pusd AS DOUBLE) / 1e12, state = 0,
       CASE WHEN state = 0 THEN CAST(coalesce(value_pusd, 0) AS DOUBLE) / 1e12 ELSE 0.0 END
FROM case_costs WHERE state <> 2 ORDER BY case_key

-- name: report_tokens
SELECT workflow, sum(input_uncached), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h),
       sum(input_audio), sum(input_image), sum(output), sum(output_audio), sum(requests),
       sum(web_searches), sum(reasoning),
       coalesce(sum(cost_pusd) FILTER (cost_basis = 1), 0),
       coalesce(sum(cost_pusd) FILTER (cost_basis = 2), 0)
FROM steps
WHERE (started_ns IS NULL OR started_ns <= $1) AND ($2 = '' OR workflow = $2)
GROUP BY workflow

-- ============================================================ verify

-- What each check finds wrong; no rows: it holds. The first column says where, for people.

-- name: verify_duplicate_steps
SELECT 'step ' || step_key || ' is there ' || count(*) || ' times'
FROM steps GROUP BY step_key HAVING count(*) > 1 LIMIT 5

-- name: verify_unbalanced
SELECT 'transaction ' || transaction_id || ' is off by ' || sum(amount_pusd) || ' p$'
FROM postings GROUP BY transaction_id HAVING sum(amount_pusd) <> 0 LIMIT 5

-- Steps are the sub-ledger: each import's costs, less what it replaced, are its postings.
-- name: verify_totals
WITH booked AS (
  SELECT import_id, CASE WHEN started_ns IS NULL THEN -2147483648
                         ELSE CAST(floor(CAST(started_ns AS DOUBLE) / 86400e9) AS INTEGER) END
           AS day, workflow, coalesce(provider, 'unknown') AS provider, cost_pusd AS amount
  FROM steps WHERE cost_pusd IS NOT NULL
  UNION ALL
  SELECT import_id, CASE WHEN started_ns IS NULL THEN -2147483648
                         ELSE CAST(floor(CAST(started_ns AS DOUBLE) / 86400e9) AS INTEGER) END,
         workflow, coalesce(provider, 'unknown'), cost_pusd
  FROM superseded_steps WHERE cost_pusd IS NOT NULL
  UNION ALL
  SELECT superseded_by, CASE WHEN started_ns IS NULL THEN -2147483648
                             ELSE CAST(floor(CAST(started_ns AS DOUBLE) / 86400e9) AS INTEGER) END,
         workflow, coalesce(provider, 'unknown'), -cost_pusd
  FROM superseded_steps WHERE cost_pusd IS NOT NULL
), sums AS (
  SELECT import_id, day, workflow, provider, sum(amount) AS amount
  FROM booked GROUP BY ALL HAVING sum(amount) <> 0
), posted AS (
  SELECT import_id, day, workflow, provider, sum(amount_pusd) AS amount
  FROM postings WHERE account = 0 GROUP BY ALL
)
SELECT 'import ' || import_id || ', workflow ' || workflow || ', ' || provider || ': steps cost '
       || coalesce(s.amount, 0) || ' p$, posted are ' || coalesce(p.amount, 0) || ' p$'
FROM sums s FULL JOIN posted p USING (import_id, day, workflow, provider)
WHERE s.amount IS DISTINCT FROM p.amount LIMIT 5

-- name: verify_orphans
SELECT 'step ' || s.step_key || ' belongs to no attempt'
FROM steps s ANTI JOIN attempts a USING (attempt_key)
UNION ALL
SELECT 'attempt ' || a.attempt_id || ' belongs to no case'
FROM attempts a ANTI JOIN cases c USING (case_key)
UNION ALL
SELECT 'outcome ' || o.outcome_id || ' belongs to no case'
FROM outcomes o ANTI JOIN cases c USING (case_key)
UNION ALL
SELECT 'step ' || s.step_key || ' and its attempt name different cases'
FROM steps s JOIN attempts a USING (attempt_key) WHERE s.case_key <> a.case_key
LIMIT 5

-- name: verify_duplicate_names
SELECT 'case ' || case_id || ' of ' || any_value(workflow) || ' is there ' || count(*) || ' times'
FROM cases GROUP BY case_key, case_id HAVING count(*) > 1
UNION ALL
SELECT 'attempt ' || any_value(attempt_id) || ' is there ' || count(*) || ' times'
FROM attempts GROUP BY attempt_key HAVING count(*) > 1
UNION ALL
SELECT 'outcome ' || any_value(outcome_id) || ' has the same revision ' || count(*) || ' times'
FROM outcomes GROUP BY outcome_key, revision HAVING count(*) > 1
UNION ALL
SELECT 'file ' || path || ' has ' || count(*) || ' positions'
FROM sources GROUP BY path HAVING count(*) > 1
LIMIT 5

-- name: verify_bases
SELECT 'step ' || step_key || ': its cost does not go with how it was found'
FROM steps
WHERE (cost_basis = 0 AND cost_pusd IS NOT NULL) OR (cost_basis = 1 AND cost_pusd IS NULL)
   OR (cost_basis = 1 AND price_id = 0) OR (cost_basis = 3 AND cost_pusd IS NOT NULL)
   OR (cost_basis = 2 AND cost_pusd IS DISTINCT FROM reported_pusd)
LIMIT 5

-- name: verify_import_range
SELECT coalesce(min(import_id), 1), coalesce(max(import_id), 0) FROM imports

-- name: verify_count
SELECT (SELECT count(*) FROM steps), (SELECT count(*) FROM cases),
       (SELECT coalesce(sum(cost_pusd), 0) FROM steps), (SELECT count(*) FROM postings),
       (SELECT count(*) FROM steps WHERE cost_basis = 3)

-- Priced steps of one import, alike ones together, for pricing them again.
-- name: verify_prices
SELECT price_id, cost_pusd, input_uncached, cache_read, cache_write_5m, cache_write_1h,
       input_audio, input_image, output, output_audio, requests, web_searches, reasoning,
       any_value(step_key), count(*)
FROM steps WHERE import_id = $1 AND cost_basis = 1 GROUP BY ALL

-- ============================================================ outcomes

-- name: all_outcomes
SELECT * FROM outcomes ORDER BY workflow, case_id, outcome_key, revision

-- name: find_case
SELECT workflow, case_id FROM cases WHERE workflow = $1 AND case_id = $2

-- ============================================================ control store (SQLite)

-- name: control_settings
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;

-- name: control_version
PRAGMA user_version

-- name: control_version_1
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS audit (
  audit_id INTEGER PRIMARY KEY,
  at_ns INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
PRAGMA user_version = 1;
COMMIT;

-- name: control_add_audit
INSERT INTO audit (at_ns, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)

-- name: control_audits
SELECT at_ns, actor, action, subject, detail FROM audit ORDER BY audit_id DESC LIMIT $1
