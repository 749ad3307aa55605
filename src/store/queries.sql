-- All SQL of the stores: DuckDB's, and behind "control store" and "journal" SQLite's.
-- `-- name: x` begins the query QUERY_x; `-- fragment: y` a piece that later queries take in with a
-- line `{y}`. Words stored as numbers are the enums of model/: steps.kind 0 is llm;
-- steps.cost_basis 1 priced, 2 reported, 3 unpriced; outcomes.status 0 resolved, 1 failed,
-- 2 reopened, 3 escalated, 4 candidate.

-- ============================================================ import

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
       s.result_bytes, s.ended_ns, s.cost_pusd, s.started_ns, s.workflow, s.provider,
       s.attempt_key, s.case_key, s.trace_key, s.sender, s.told
FROM steps s SEMI JOIN staged_probes USING (step_key)

-- name: any_alias
SELECT 1 FROM step_aliases LIMIT 1

-- Keys of all there is, or their low halves: what a server remembers.
-- name: step_keys
SELECT CAST(step_key & 18446744073709551615 AS UBIGINT) FROM steps

-- name: alias_keys
SELECT CAST(alias_key & 18446744073709551615 AS UBIGINT) FROM step_aliases

-- name: case_keys
SELECT case_key FROM cases

-- name: attempt_keys
SELECT attempt_key FROM attempts

-- Which steps the staged names are of.
-- name: known_aliases
SELECT a.alias_key, a.step_key
FROM step_aliases a JOIN (SELECT DISTINCT step_key FROM staged_probes) p
  ON p.step_key = a.alias_key

-- Steps that turned out to be one: what belongs to the staged alias_key goes to its step_key.
-- name: move_staged_aliases
UPDATE step_aliases SET step_key = m.step_key
FROM staged_step_aliases m WHERE step_aliases.step_key = m.alias_key

-- name: move_staged_callers
UPDATE steps SET caller = CAST(m.step_key & 18446744073709551615 AS UBIGINT)
FROM staged_step_aliases m
WHERE steps.caller = CAST(m.alias_key & 18446744073709551615 AS UBIGINT)

-- name: copy_staged_fingerprints
INSERT INTO fingerprints
SELECT m.* FROM (
  SELECT DISTINCT ON (step_key, role, text_hash) f.* REPLACE (s.step_key AS step_key)
  FROM fingerprints f JOIN staged_step_aliases s ON f.step_key = s.alias_key) m
ANTI JOIN fingerprints USING (step_key, role, text_hash)

-- name: delete_moved_fingerprints
DELETE FROM fingerprints WHERE step_key IN (SELECT alias_key FROM staged_step_aliases)

-- name: copy_staged_decisions
INSERT INTO decisions
SELECT m.* FROM (
  SELECT DISTINCT ON (step_key) d.* REPLACE (s.step_key AS step_key)
  FROM decisions d JOIN staged_step_aliases s ON d.step_key = s.alias_key
  ORDER BY s.step_key, d.step_key) m
ANTI JOIN decisions USING (step_key)

-- name: copy_staged_scopes
INSERT INTO step_scopes
SELECT m.* FROM (
  SELECT DISTINCT ON (step_key, scope_key) f.* REPLACE (s.step_key AS step_key)
  FROM step_scopes f JOIN staged_step_aliases s ON f.step_key = s.alias_key) m
ANTI JOIN step_scopes USING (step_key, scope_key)

-- name: delete_moved_scopes
DELETE FROM step_scopes WHERE step_key IN (SELECT alias_key FROM staged_step_aliases)

-- name: delete_moved_decisions
DELETE FROM decisions WHERE step_key IN (SELECT alias_key FROM staged_step_aliases)

-- name: supersede_staged_probes
INSERT INTO superseded_steps BY NAME
SELECT s.*, CAST($1 AS INTEGER) AS superseded_by FROM steps s SEMI JOIN staged_probes USING (step_key)

-- name: delete_staged_probes
DELETE FROM steps WHERE step_key IN (SELECT step_key FROM staged_probes)

-- name: add_staged_fingerprints
INSERT INTO fingerprints
SELECT s.* FROM (SELECT DISTINCT ON (step_key, role, text_hash) * FROM staged_fingerprints) s
       ANTI JOIN fingerprints USING (step_key, role, text_hash)

-- Imports whose model calls are to be priced again, and how many.
-- name: reprice_imports
SELECT import_id, count(*) FROM steps WHERE kind = 0 GROUP BY import_id ORDER BY import_id

-- What a model call of import $1 used, and what it cost so far: part $3 of $2. A call that was not
-- priced may be one whose usage nobody reported.
-- name: reprice_steps
SELECT step_key, workflow, provider, model, tier, region, channel, started_ns, cost_basis,
       cost_pusd, price_id, reported_pusd, input_uncached, cache_read, cache_write_5m,
       cache_write_1h, input_audio, input_image, output, output_audio, requests, web_searches,
       reasoning,
       cost_basis = 1 OR input_uncached + cache_read + cache_write_5m + cache_write_1h
         + input_audio + input_image + output + output_audio + requests + web_searches > 0
         OR coalesce(raw_usage, '') <> ''
FROM steps WHERE import_id = $1 AND kind = 0 AND abs(step_key % $2) = $3

-- Steps of import $2 give way to their new price, which import $1 brings.
-- name: supersede_staged_repriced
INSERT INTO superseded_steps BY NAME
SELECT s.*, CAST($1 AS INTEGER) AS superseded_by FROM steps s SEMI JOIN staged_repriced USING (step_key)
WHERE s.import_id = $2

-- name: delete_staged_repriced
DELETE FROM steps
WHERE import_id = $1 AND step_key IN (SELECT step_key FROM staged_repriced)

-- name: add_staged_repriced
INSERT INTO steps BY NAME
SELECT s.* EXCLUDE (superseded_by)
       REPLACE (r.provider AS provider, r.cost_basis AS cost_basis, r.cost_pusd AS cost_pusd,
                r.price_id AS price_id, s.superseded_by AS import_id)
FROM superseded_steps s JOIN staged_repriced r ON r.step_key = s.step_key
WHERE s.superseded_by = $1

-- steps.told: with 2048 a step is loose, with 1024 (never both, and nothing above) it is taught; its
-- lowest bits are the level of the workflow, of the hint (4), the case (16), the attempt (64) and the
-- session (256), 3 being that spans told it; those above 2048 are the gateway's. Comparisons let
-- parts of the table be passed over.
-- Whether the ledger has steps, names, facts of traces, loose steps, nameless calls, meters; and the
-- next import.
-- name: ledger_has
SELECT (SELECT count(*) FROM (SELECT 1 FROM steps LIMIT 1)),
       (SELECT count(*) FROM (SELECT 1 FROM step_aliases LIMIT 1)),
       (SELECT count(*) FROM (SELECT 1 FROM trace_facts LIMIT 1))
         + (SELECT count(*) FROM (SELECT 1 FROM steps WHERE told >= 1024 LIMIT 1)),
       (SELECT count(*) FROM (SELECT 1 FROM steps WHERE told >= 2048 AND told & 2048 <> 0 LIMIT 1)),
       (SELECT count(*) FROM (SELECT 1 FROM nameless LIMIT 1)),
       (SELECT count(*) FROM (SELECT 1 FROM meters LIMIT 1)),
       (SELECT coalesce(max(import_id), 0) + 1 FROM imports)

-- What a step says already need not be said.
-- name: add_staged_facts
INSERT INTO trace_facts
SELECT f.* FROM staged_trace_facts f ANTI JOIN trace_facts USING (trace_key, content_hash)
WHERE f.is_taught = 0 OR NOT EXISTS (
  SELECT 1 FROM steps s JOIN cases c ON c.case_key = s.case_key
  WHERE s.trace_key = f.trace_key AND s.told >= 1024 AND s.told < 2048 AND c.case_id = f.case_id)

-- Loose steps of traces of which import $1 brought facts, or the steps.
-- name: places_loose_create
CREATE OR REPLACE TEMP TABLE loose_steps AS
SELECT DISTINCT trace_key, attempt_key, case_key, told FROM steps
WHERE told >= 2048 AND told & 2048 <> 0 AND trace_key <> 0
  AND trace_key IN (SELECT trace_key FROM trace_facts WHERE import_id = $1
                    UNION ALL
                    SELECT trace_key FROM steps WHERE import_id = $1 AND told >= 1024)

-- name: places_any_loose
SELECT 1 FROM loose_steps LIMIT 1

-- What the spans of their traces say: those that told facts, and steps that say the same. Where they
-- name several cases the smallest counts, with what is said along with it; else what is said without
-- a case; of several the smallest. (Older ledgers say '' where spans did not agree.)
-- name: places_create
CREATE OR REPLACE TEMP TABLE trace_places AS
WITH traces AS (SELECT DISTINCT trace_key FROM loose_steps),
taught AS (
  SELECT DISTINCT trace_key, told, attempt_key, case_key FROM (
    SELECT trace_key, told, attempt_key, case_key FROM steps
    WHERE told >= 1024 AND told < 2048 AND trace_key IN (SELECT trace_key FROM traces)
    UNION ALL
    SELECT trace_key, told, attempt_key, case_key FROM superseded_steps
    WHERE told >= 1024 AND told < 2048 AND trace_key IN (SELECT trace_key FROM traces))
), facts AS (
  SELECT trace_key, is_by_rule, workflow, hint, case_id, attempt_id, session, input_key
  FROM trace_facts SEMI JOIN traces USING (trace_key)
  UNION ALL
  SELECT t.trace_key, 0, CASE WHEN t.told & 3 = 3 THEN c.workflow END,
         CASE WHEN t.told & 15 = 12 THEN c.workflow END, c.case_id,
         CASE WHEN t.told & 192 = 192 THEN a.attempt_id END,
         CASE WHEN t.told & 960 = 768 THEN a.attempt_id END, NULL
  FROM taught t JOIN attempts a USING (attempt_key) JOIN cases c ON c.case_key = t.case_key
), ranked AS (
  SELECT trace_key, is_by_rule, nullif(workflow, '') AS workflow, nullif(hint, '') AS hint,
         nullif(case_id, '') AS case_id, nullif(attempt_id, '') AS attempt_id,
         nullif(session, '') AS session, nullif(input_key, '') AS input_key,
         min(nullif(case_id, '')) OVER (PARTITION BY trace_key, is_by_rule) AS first
  FROM facts
)
SELECT trace_key, is_by_rule,
       coalesce(min(CASE WHEN case_id = first THEN workflow END),
                min(CASE WHEN case_id IS NULL THEN workflow END)) AS workflow,
       coalesce(min(CASE WHEN case_id = first THEN hint END),
                min(CASE WHEN case_id IS NULL THEN hint END)) AS hint,
       min(case_id) AS case_id,
       coalesce(min(CASE WHEN case_id = first THEN attempt_id END),
                min(CASE WHEN case_id IS NULL THEN attempt_id END)) AS attempt_id,
       coalesce(min(CASE WHEN case_id = first THEN session END),
                min(CASE WHEN case_id IS NULL THEN session END)) AS session,
       coalesce(min(CASE WHEN case_id = first THEN input_key END),
                min(CASE WHEN case_id IS NULL THEN input_key END)) AS input_key
FROM ranked GROUP BY trace_key, is_by_rule

-- What the loose steps are called and what is known of their traces.
-- name: places_loose
SELECT l.trace_key, l.attempt_key, l.case_key, l.told, c.workflow, c.case_id, a.attempt_id, a.agent,
       p.workflow, p.hint, p.case_id, p.attempt_id, p.session, coalesce(p.input_key, r.input_key),
       r.workflow, r.case_id, r.attempt_id
FROM loose_steps l JOIN attempts a USING (attempt_key) JOIN cases c ON c.case_key = l.case_key
     LEFT JOIN trace_places p ON p.trace_key = l.trace_key AND p.is_by_rule = 0
     LEFT JOIN trace_places r ON r.trace_key = l.trace_key AND r.is_by_rule = 1
WHERE p.trace_key IS NOT NULL OR r.trace_key IS NOT NULL
ORDER BY l.trace_key, l.attempt_key, l.told

-- What the steps to be placed elsewhere cost, where that goes to another workflow.
-- name: places_costs
SELECT min(s.started_ns), s.workflow, p.to_workflow,
       s.provider, sum(s.cost_pusd)
FROM steps s JOIN staged_placings p
  ON p.trace_key = s.trace_key AND p.attempt_key = s.attempt_key AND p.told = s.told
WHERE s.cost_pusd IS NOT NULL AND s.workflow <> p.to_workflow
GROUP BY s.started_ns // 86400000000000, s.workflow, p.to_workflow, s.provider

-- Steps of earlier imports stay readable where they were believed to be. $1: this import.
-- name: places_supersede
INSERT INTO superseded_steps BY NAME
SELECT s.*, CAST($1 AS INTEGER) AS superseded_by
FROM steps s SEMI JOIN staged_placings USING (trace_key, attempt_key, told) WHERE s.import_id <> $1

-- name: places_move
UPDATE steps SET attempt_key = p.to_attempt, case_key = p.to_case, workflow = p.to_workflow,
                 import_id = CAST($1 AS INTEGER)
FROM staged_placings p
WHERE p.trace_key = steps.trace_key AND p.attempt_key = steps.attempt_key AND p.told = steps.told

-- name: places_copy_attributes
INSERT INTO case_attributes
SELECT s.* FROM (SELECT p.to_case AS case_key, f.name, min(f.value), CAST($1 AS INTEGER)
                 FROM case_attributes f JOIN (SELECT DISTINCT from_case, to_case
                                              FROM staged_placings WHERE from_case <> to_case) p
                   ON p.from_case = f.case_key
                 GROUP BY p.to_case, f.name) s
     ANTI JOIN case_attributes USING (case_key, name)

-- Attempts and cases that nothing is left of.
-- name: places_delete_attempts
DELETE FROM attempts WHERE attempt_key IN (
  SELECT attempt_key FROM staged_placings ANTI JOIN steps USING (attempt_key))

-- name: places_delete_cases
DELETE FROM cases WHERE case_key IN (
  SELECT p.from_case FROM staged_placings p
  ANTI JOIN attempts a ON a.case_key = p.from_case ANTI JOIN outcomes o ON o.case_key = p.from_case)

-- name: places_delete_attributes
DELETE FROM case_attributes WHERE case_key IN (
  SELECT p.from_case FROM staged_placings p ANTI JOIN cases c ON c.case_key = p.from_case)

-- Readings that are not kept beside those that are, where they may know better; both with their
-- names. Channel 4 is the session log.
-- name: rivals_known
SELECT s.step_key, s.attempt_key, s.case_key, s.trace_key, s.sender, s.told, s.channel,
       c.workflow, c.case_id, a.attempt_id, a.agent, c.named_by,
       r.attempt_key, r.trace_key, r.sender, r.told, r.channel, rc.workflow, rc.case_id,
       ra.attempt_id, ra.agent, rc.named_by, rc.case_key
FROM (SELECT DISTINCT * FROM staged_rivals) r JOIN steps s ON s.step_key = r.step_key
     JOIN attempts a ON a.attempt_key = s.attempt_key JOIN cases c ON c.case_key = s.case_key
     JOIN attempts ra ON ra.attempt_key = r.attempt_key JOIN cases rc ON rc.case_key = ra.case_key
WHERE r.attempt_key <> s.attempt_key OR r.trace_key <> s.trace_key OR r.sender <> s.sender
ORDER BY s.step_key, r.channel, r.attempt_key, r.trace_key, r.told, r.sender

-- name: add_staged_step_scopes
INSERT INTO step_scopes
SELECT s.* FROM (SELECT DISTINCT ON (step_key, scope_key) * FROM staged_step_scopes) s
       ANTI JOIN step_scopes USING (step_key, scope_key)

-- What the steps that go home cost, where that is another workflow.
-- name: homes_costs
SELECT min(s.started_ns), s.workflow, h.workflow, s.provider, sum(s.cost_pusd)
FROM steps s JOIN staged_homes h USING (step_key)
WHERE s.cost_pusd IS NOT NULL AND s.workflow <> h.workflow
GROUP BY s.started_ns // 86400000000000, s.workflow, h.workflow, s.provider
ORDER BY ALL

-- $1: this import.
-- name: homes_supersede
INSERT INTO superseded_steps BY NAME
SELECT s.*, CAST($1 AS INTEGER) AS superseded_by
FROM steps s SEMI JOIN staged_homes USING (step_key) WHERE s.import_id <> $1

-- name: homes_move
UPDATE steps SET attempt_key = h.attempt_key, case_key = h.case_key, workflow = h.workflow,
                 trace_key = h.trace_key, told = h.told, import_id = CAST($1 AS INTEGER)
FROM staged_homes h WHERE h.step_key = steps.step_key

-- Readings of the same content as the staged ones.
-- name: known_nameless
SELECT n.content_key, n.reading_key, n.family_key, n.channel, n.started_ns, n.ended_ns
FROM nameless n SEMI JOIN staged_nameless USING (content_key)
ORDER BY n.content_key, n.ended_ns, n.reading_key

-- name: add_staged_meters
INSERT INTO meters
SELECT * FROM (SELECT DISTINCT ON (point_key, content_hash) * FROM staged_meters
               ORDER BY point_key, content_hash, attempt_key)
ANTI JOIN meters USING (point_key, content_hash)

-- Scopes whose readings are to be counted again after import $1, and from which day on: those it
-- brought readings of; those some of whose readings are spend, when it brought calls of theirs; and
-- any that lost a call. Channel 6 is the metric. $2: slack in ns.
-- name: meters_dirty_create
CREATE OR REPLACE TEMP TABLE dirty_meters AS
WITH scopes AS (
  SELECT m.scope_key, m.session, m.attempt_key, bool_or(s.step_key IS NOT NULL) AS is_spent
  FROM meters m LEFT JOIN (SELECT step_key FROM steps WHERE channel = 6) s
    ON s.step_key = m.point_key
  GROUP BY ALL
), touched AS (
  SELECT s.sender, s.attempt_key, a.attempt_id, s.gone, min(s.at_ns) AS at_ns
  FROM (SELECT sender, attempt_key, false AS gone, coalesce(ended_ns, started_ns) AS at_ns
        FROM steps WHERE import_id = $1 AND kind = 0 AND channel < 6
        UNION ALL
        SELECT o.scope_key, s.attempt_key, false, coalesce(s.ended_ns, s.started_ns)
        FROM step_scopes o JOIN steps s USING (step_key)
        WHERE (o.import_id = $1 OR s.import_id = $1) AND s.kind = 0 AND s.channel < 6
        UNION ALL
        SELECT sender, attempt_key, true, coalesce(ended_ns, started_ns)
        FROM superseded_steps WHERE superseded_by = $1 AND kind = 0 AND channel < 6) s
       JOIN attempts a USING (attempt_key)
  WHERE s.at_ns IS NOT NULL GROUP BY ALL
)
SELECT scope_key, (min(at_ns) - $2) // 86400000000000 * 86400000000000 AS since_ns
FROM (SELECT scope_key, ended_ns + $2 AS at_ns FROM meters WHERE import_id = $1
      UNION ALL
      SELECT c.scope_key, t.at_ns FROM touched t JOIN scopes c ON c.scope_key = t.sender
      WHERE c.is_spent OR t.gone
      UNION ALL
      SELECT c.scope_key, t.at_ns FROM touched t JOIN scopes c ON c.session = t.attempt_id
      WHERE c.is_spent OR t.gone
      UNION ALL
      SELECT c.scope_key, t.at_ns FROM touched t JOIN scopes c ON c.attempt_key = t.attempt_key
      WHERE c.session IS NOT NULL AND (c.is_spent OR t.gone))
GROUP BY scope_key

-- name: meters_any_dirty
SELECT 1 FROM dirty_meters LIMIT 1

-- The readings of those scopes and days, each once, with what came in its own window.
-- name: meters_points_create
CREATE OR REPLACE TEMP TABLE meter_points AS
WITH merged AS (
  SELECT point_key, min(series_key) AS series_key, min(scope_key) AS scope_key,
         max(session) AS session, min(model_key) AS model_key,
         max(is_cumulative) AS is_cumulative, max(is_exclusive) AS is_exclusive,
         min(started_ns) AS started_ns, min(ended_ns) AS ended_ns,
         arg_min(attempt_key, content_hash) AS attempt_key,
         arg_min(case_key, content_hash) AS case_key,
         arg_min(workflow, content_hash) AS workflow,
         arg_min(case_id, content_hash) AS case_id,
         arg_min(named_by, content_hash) AS named_by,
         arg_min(attempt_id, content_hash) AS attempt_id,
         arg_min(program, content_hash) AS program,
         arg_min(name, content_hash) AS name,
         arg_min(agent, content_hash) AS agent,
         arg_min(provider, content_hash) AS provider,
         arg_min(model, content_hash) AS model,
         arg_min(tier, content_hash) AS tier,
         max(input) AS input,
         max(input_audio) AS input_audio,
         max(input_image) AS input_image,
         max(output) AS output,
         max(output_audio) AS output_audio,
         max(cache_read) AS cache_read,
         max(cache_write) AS cache_write,
         max(reasoning) AS reasoning,
         max(thoughts) AS thoughts,
         max(tool) AS tool,
         max(reported_pusd) AS reported_pusd
  FROM meters SEMI JOIN dirty_meters USING (scope_key) GROUP BY point_key
), lagged AS (
  SELECT *, lag(ended_ns) OVER series AS before_ns,
         lag(input) OVER series AS before_input,
         lag(input_audio) OVER series AS before_input_audio,
         lag(input_image) OVER series AS before_input_image,
         lag(output) OVER series AS before_output,
         lag(output_audio) OVER series AS before_output_audio,
         lag(cache_read) OVER series AS before_cache_read,
         lag(cache_write) OVER series AS before_cache_write,
         lag(reasoning) OVER series AS before_reasoning,
         lag(thoughts) OVER series AS before_thoughts,
         lag(tool) OVER series AS before_tool,
         lag(reported_pusd) OVER series AS before_reported_pusd
  FROM merged
  WINDOW series AS (PARTITION BY series_key, is_cumulative,
                      CASE WHEN is_cumulative = 1 THEN started_ns ELSE 0 END
                    ORDER BY ended_ns, started_ns, point_key)
)
SELECT point_key, scope_key, session, model_key, ended_ns // 86400000000000 AS day,
       least(CASE WHEN is_cumulative = 1 OR started_ns = 0 THEN coalesce(before_ns, started_ns)
                  ELSE started_ns END, ended_ns) AS from_ns,
       ended_ns AS to_ns, is_exclusive, attempt_key, case_key, workflow, case_id, named_by, attempt_id, program, name, agent, provider, model, tier,
       CASE WHEN is_cumulative = 1 AND before_input > 0 AND input >= before_input
            THEN input - before_input ELSE input END AS input,
       CASE WHEN is_cumulative = 1 AND before_input_audio > 0 AND input_audio >= before_input_audio
            THEN input_audio - before_input_audio ELSE input_audio END AS input_audio,
       CASE WHEN is_cumulative = 1 AND before_input_image > 0 AND input_image >= before_input_image
            THEN input_image - before_input_image ELSE input_image END AS input_image,
       CASE WHEN is_cumulative = 1 AND before_output > 0 AND output >= before_output
            THEN output - before_output ELSE output END AS output,
       CASE WHEN is_cumulative = 1 AND before_output_audio > 0 AND output_audio >= before_output_audio
            THEN output_audio - before_output_audio ELSE output_audio END AS output_audio,
       CASE WHEN is_cumulative = 1 AND before_cache_read > 0 AND cache_read >= before_cache_read
            THEN cache_read - before_cache_read ELSE cache_read END AS cache_read,
       CASE WHEN is_cumulative = 1 AND before_cache_write > 0 AND cache_write >= before_cache_write
            THEN cache_write - before_cache_write ELSE cache_write END AS cache_write,
       CASE WHEN is_cumulative = 1 AND before_reasoning > 0 AND reasoning >= before_reasoning
            THEN reasoning - before_reasoning ELSE reasoning END AS reasoning,
       CASE WHEN is_cumulative = 1 AND before_thoughts > 0 AND thoughts >= before_thoughts
            THEN thoughts - before_thoughts ELSE thoughts END AS thoughts,
       CASE WHEN is_cumulative = 1 AND before_tool > 0 AND tool >= before_tool
            THEN tool - before_tool ELSE tool END AS tool,
       CASE WHEN is_cumulative = 1 AND before_reported_pusd > 0 AND reported_pusd >= before_reported_pusd
            THEN reported_pusd - before_reported_pusd ELSE reported_pusd END AS reported_pusd
FROM lagged JOIN dirty_meters USING (scope_key) WHERE ended_ns >= since_ns

-- Their readings, with what of each is spend so far.
-- name: meters_points
SELECT p.*, s.step_key IS NOT NULL, s.input_uncached, s.cache_read, s.cache_write_5m,
       s.input_audio, s.input_image, s.output, s.output_audio, s.reported_pusd, s.cost_pusd,
       s.started_ns, s.workflow, s.provider
FROM meter_points p LEFT JOIN steps s ON s.step_key = p.point_key
ORDER BY p.scope_key, p.model_key, p.day, p.to_ns, p.point_key

-- What better channels tell of the calls of those scopes, by second. $1: slack in ns.
-- name: meters_calls
WITH scopes AS (
  SELECT scope_key, max(session) AS session, min(from_ns) - $1 AS from_ns,
         max(to_ns) + $1 AS to_ns
  FROM meter_points GROUP BY scope_key
), members AS (
  SELECT c.scope_key, a.attempt_key FROM scopes c JOIN attempts a ON a.attempt_id = c.session
  UNION
  SELECT scope_key, attempt_key FROM meter_points WHERE session IS NOT NULL
), summed AS (
  SELECT c.scope_key, s.step_key FROM steps s JOIN scopes c ON c.scope_key = s.sender
  WHERE s.kind = 0 AND s.channel < 6
  UNION
  SELECT c.scope_key, o.step_key FROM step_scopes o JOIN scopes c USING (scope_key)
  UNION
  SELECT m.scope_key, s.step_key FROM steps s JOIN members m USING (attempt_key)
  WHERE s.kind = 0 AND s.channel < 6
), calls AS (
  SELECT c.scope_key, c.from_ns, c.to_ns, s.*
  FROM steps s JOIN summed m USING (step_key) JOIN scopes c ON c.scope_key = m.scope_key
)
SELECT scope_key, coalesce(ended_ns, started_ns) // 1000000000 * 1000000000 AS at_ns,
       coalesce(model, '') AS model, sum(input_uncached), sum(cache_read),
       sum(cache_write_5m + cache_write_1h), sum(input_audio), sum(input_image), sum(output),
       sum(output_audio), sum(coalesce(cost_pusd, reported_pusd, 0))
FROM calls
WHERE kind = 0 AND channel < 6 AND coalesce(ended_ns, started_ns) BETWEEN from_ns AND to_ns
GROUP BY scope_key, coalesce(ended_ns, started_ns) // 1000000000, coalesce(model, '')
ORDER BY scope_key, at_ns, model

-- Two different cases under one key: cannot be told apart, must not be mixed.
-- name: case_collision
SELECT s.workflow, s.case_id, c.workflow, c.case_id
FROM staged_cases s JOIN cases c USING (case_key)
WHERE s.case_id <> c.case_id OR s.workflow <> c.workflow LIMIT 1

-- name: add_staged_cases
INSERT INTO cases
SELECT * FROM (SELECT DISTINCT ON (case_key) * FROM staged_cases ORDER BY case_key, named_by,
                 input_key)
ANTI JOIN cases USING (case_key)

-- name: add_staged_attempts
INSERT INTO attempts
SELECT * FROM (SELECT DISTINCT ON (attempt_key) * FROM staged_attempts
               ORDER BY attempt_key, agent)
ANTI JOIN attempts USING (attempt_key)

-- name: add_staged_attributes
INSERT INTO case_attributes
SELECT * FROM staged_case_attributes ANTI JOIN case_attributes USING (case_key, name)

-- What a step decided; under whichever of its names it is kept.
-- name: add_staged_decisions
INSERT INTO decisions
SELECT s.* FROM (
  SELECT DISTINCT ON (step_key) d.* REPLACE (coalesce(a.step_key, d.step_key) AS step_key)
  FROM staged_decisions d LEFT JOIN step_aliases a ON a.alias_key = d.step_key
  ORDER BY coalesce(a.step_key, d.step_key), choice, kind, made_by, rule, reason, overrides,
           precedents, evidence) s
ANTI JOIN decisions USING (step_key)

-- name: add_staged_rejects
INSERT INTO rejects SELECT * FROM staged_rejects ANTI JOIN rejects USING (path, line, reason)

-- name: add_staged_outcomes
INSERT INTO outcomes
SELECT s.* REPLACE (CAST(coalesce(r.newest, 0) + row_number()
         OVER (PARTITION BY s.outcome_key ORDER BY s.recorded_ns, s.effective_ns, s.status)
         AS INTEGER) AS revision)
FROM (SELECT DISTINCT ON (outcome_key, content_hash) * FROM staged_outcomes) s
     ANTI JOIN outcomes o ON o.outcome_key = s.outcome_key AND o.content_hash = s.content_hash
     LEFT JOIN (SELECT outcome_key, max(revision) AS newest FROM outcomes GROUP BY outcome_key) r
       ON r.outcome_key = s.outcome_key

-- Of figures that are there already and say something else now: what they said, and how many.
-- name: corrected_kpis
SELECT s.workflow, s.name, s.series, s.at_ns, k.value, s.value, count(*) OVER ()
FROM (SELECT DISTINCT * FROM staged_kpis) s JOIN kpis k USING (kpi_key)
WHERE s.value <> k.value OR s.unit <> k.unit
ORDER BY s.workflow, s.name, s.series, s.at_ns, s.value LIMIT 5

-- name: forget_corrected_kpis
DELETE FROM kpis WHERE kpi_key IN (
  SELECT s.kpi_key FROM staged_kpis s JOIN kpis k USING (kpi_key)
  WHERE s.value <> k.value OR s.unit <> k.unit)

-- name: add_staged_kpis
INSERT INTO kpis
SELECT * FROM (SELECT DISTINCT ON (kpi_key) * FROM staged_kpis ORDER BY kpi_key, value, unit)
ANTI JOIN kpis USING (kpi_key)

-- ============================================================ settings of a report

-- name: settings_create
CREATE OR REPLACE TEMP TABLE workflow_settings (
  workflow VARCHAR, human_rate_pusd BIGINT, value_pusd BIGINT, takes_commits BOOLEAN,
  takes_pull_requests BOOLEAN)

-- name: settings_add
INSERT INTO workflow_settings VALUES ($1, $2, $3, $4 <> 0, $5 <> 0)

-- ============================================================ true cost of cases

-- economics.md section 3: one row a case. States: 0 resolved, 1 failed or escalated, 2 open (no
-- outcome, or reopened), 3 untraced (an outcome, but no attempt was ever seen: what it cost is not
-- known, so it is in no rate and no total).
--
-- $1 since, $2 until (when the case began, ns), $3 as of (ns), $4 workflow ('' for all; the
-- unattributed cases, whose workflow is '', always come along).
--
-- Ties are broken by keys, so that the same rows give the same report in whatever order they come.
-- Most cases have one statement and no attempt after their resolution: those take the short way,
-- and `several` and `split` hold the others.
-- name: costs_create
CREATE OR REPLACE TEMP TABLE case_costs AS
WITH newest AS ( -- revisions beyond the first that were known
  SELECT outcome_key, max(revision) AS revision FROM outcomes
  WHERE revision > 1 AND recorded_ns <= $3 GROUP BY outcome_key
), said AS (
  -- What is known of each case; a candidate (4) only where the workflow takes its kind. until_ns:
  -- what begins later came after this statement; a mere date means its whole day.
  SELECT o.case_key, o.status, coalesce(o.effective_ns, o.recorded_ns) AS said_ns,
         CASE WHEN o.status NOT IN (0, 4) THEN NULL
              WHEN o.effective_ns IS NULL THEN 9223372036854775807
              WHEN o.effective_ns % 86400000000000 = 0
              THEN least(o.effective_ns, 9223285636854775808) + 86399999999999
              ELSE o.effective_ns END AS until_ns,
         o.recorded_ns, o.outcome_key, o.value_pusd, o.human_ms
  FROM (SELECT * FROM outcomes WHERE status < 4
        UNION ALL
        SELECT e.* FROM outcomes e JOIN workflow_settings w USING (workflow)
        WHERE e.status = 4 AND ((w.takes_commits AND e.source = 'git commit')
                                OR (w.takes_pull_requests AND e.source = 'pull request'))) o
       LEFT JOIN newest n USING (outcome_key)
  WHERE o.recorded_ns <= $3 AND ($4 = '' OR o.workflow IN ('', $4))
    AND (n.revision IS NULL OR n.revision = o.revision)
), several AS (
  SELECT case_key FROM said GROUP BY case_key HAVING count(*) > 1
), ranked AS ( -- place 1 is the newest; a candidate stands behind whatever somebody said
  SELECT *,
         row_number() OVER (PARTITION BY case_key
           ORDER BY status = 4, said_ns DESC, recorded_ns DESC, outcome_key) AS place,
         coalesce(min(CASE WHEN status = 0 THEN until_ns END) OVER (PARTITION BY case_key),
                  CASE WHEN min(status) OVER (PARTITION BY case_key) = 4
                       THEN max(until_ns) OVER (PARTITION BY case_key) END) AS resolved_ns
  FROM said SEMI JOIN several USING (case_key)
), outcome AS (
  SELECT case_key, status, coalesce(until_ns, 9223372036854775807) AS resolved_ns, value_pusd,
         human_ms, CAST(0 AS HUGEINT) AS late_ms
  FROM said ANTI JOIN several USING (case_key)
  UNION ALL
  SELECT case_key, min(CASE WHEN place = 1 THEN status END),
         coalesce(min(resolved_ns), 9223372036854775807),
         arg_min(value_pusd, CASE WHEN status IN (0, 4) THEN place END),
         sum(human_ms), sum(CASE WHEN said_ns > resolved_ns THEN human_ms ELSE 0 END)
  FROM ranked GROUP BY case_key
), spent AS (
  SELECT attempt_key, min(started_ns) AS started_ns, sum(cost_pusd) AS cost_pusd
  FROM steps
  WHERE ($3 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $3)
    AND ($4 = '' OR workflow IN ('', $4))
  GROUP BY attempt_key
), people AS (
  SELECT case_key, attempt_key, sum(human_ms) AS human_ms
  FROM steps
  WHERE human_ms > 0 AND ($3 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $3)
    AND ($4 = '' OR workflow IN ('', $4))
  GROUP BY case_key, attempt_key
), tried AS ( -- place: the source's number, else time; then the key
  SELECT a.case_key, a.attempt_key, s.started_ns,
         CAST(CASE WHEN a.number > 0 THEN a.number ELSE coalesce(s.started_ns, 0) END AS HUGEINT)
           * 18446744073709551616 + a.attempt_key AS place,
         coalesce(s.cost_pusd, 0) AS cost_pusd, s.attempt_key IS NULL AS empty
  FROM attempts a LEFT JOIN spent s USING (attempt_key)
  WHERE s.attempt_key IS NOT NULL OR $3 = 9223372036854775807
), summed AS (
  SELECT case_key, min(started_ns) AS began_ns, max(started_ns) AS last_began_ns,
         count(*) AS attempts, sum(cost_pusd) AS cost_pusd,
         arg_max(cost_pusd, place) AS last_pusd, arg_max(attempt_key, place) AS last_attempt,
         count_if(empty) AS attempts_empty
  FROM tried GROUP BY case_key
), known AS (
  SELECT * FROM summed FULL JOIN outcome USING (case_key)
), split AS ( -- attempts until the first resolution; the first of all is always among them
  SELECT case_key, count(*) AS attempts, sum(cost_pusd) AS cost_pusd,
         arg_max(cost_pusd, place) AS last_pusd, arg_max(attempt_key, place) AS last_attempt,
         coalesce(sum(human_ms), 0) AS human_ms
  FROM (SELECT t.*, p.human_ms, k.resolved_ns,
               row_number() OVER (PARTITION BY t.case_key ORDER BY t.place) AS number
        FROM tried t JOIN known k ON k.case_key = t.case_key AND k.last_began_ns > k.resolved_ns
             LEFT JOIN people p USING (attempt_key))
  WHERE number = 1 OR coalesce(started_ns, 0) <= resolved_ns
  GROUP BY case_key
), worked AS ( -- people's time until the resolution and after it
  SELECT h.case_key, h.human_ms, coalesce(p.human_ms, h.human_ms) AS before_ms
  FROM (SELECT case_key, sum(human_ms) AS human_ms FROM people GROUP BY case_key) h
       LEFT JOIN split p USING (case_key)
)
SELECT c.case_key, c.workflow, c.named_by,
       CASE WHEN k.attempts IS NULL THEN 3 WHEN k.status IN (0, 4) THEN 0
            WHEN k.status IN (1, 3) THEN 1 ELSE 2 END AS state,
       k.began_ns, coalesce(k.attempts, 0) AS attempts,
       coalesce(p.attempts, k.attempts, 0) AS attempts_before,
       coalesce(k.attempts_empty, 0) AS attempts_empty,
       coalesce(k.cost_pusd, 0) AS agent_pusd,
       coalesce(p.cost_pusd, k.cost_pusd, 0) AS before_pusd,
       coalesce(p.last_pusd, k.last_pusd, 0) AS last_pusd,
       -- The attempt that resolved the case: base, where others are not.
       CASE WHEN k.status IN (0, 4) THEN coalesce(p.last_attempt, k.last_attempt) END
         AS base_attempt,
       coalesce(h.human_ms, 0) + coalesce(k.human_ms, 0) AS human_ms,
       CASE WHEN h.human_ms > 0 OR k.human_ms > 0
            THEN ((coalesce(h.before_ms, 0) + coalesce(k.human_ms, 0) - coalesce(k.late_ms, 0))
                  * CAST(coalesce(w.human_rate_pusd, 0) AS HUGEINT) + 1800000) // 3600000
            ELSE 0 END AS human_pusd,
       CASE WHEN h.human_ms > h.before_ms OR k.late_ms > 0
            THEN ((coalesce(h.human_ms - h.before_ms, 0) + coalesce(k.late_ms, 0))
                  * CAST(coalesce(w.human_rate_pusd, 0) AS HUGEINT) + 1800000) // 3600000
            ELSE 0 END AS correction_pusd,
       coalesce(k.value_pusd, w.value_pusd) AS value_pusd,
       k.value_pusd IS NOT NULL AS value_recorded
FROM known k JOIN cases c USING (case_key) LEFT JOIN split p USING (case_key)
     LEFT JOIN worked h USING (case_key) LEFT JOIN workflow_settings w ON w.workflow = c.workflow
WHERE ($4 = '' OR c.workflow IN ('', $4))
  AND ($1 = -9223372036854775808 OR k.began_ns >= $1)
  AND ($2 = 9223372036854775807 OR k.began_ns < $2)

-- ============================================================ report

-- One row for each workflow, state and, of resolved cases, origin of the value. Money in p$
-- exactly. The last three are sums of products in 1e-18 USD^2, integers so that their order cannot
-- change them; only where a case is of a million dollars and more, which no integer here could
-- hold the sums of, are they doubles, and end at 1e38.
-- name: report_workflows
SELECT workflow, state, state = 0 AND value_recorded, count(*), sum(attempts), sum(agent_pusd),
       sum(before_pusd), sum(last_pusd), sum(human_pusd), sum(correction_pusd), sum(human_ms),
       sum(CAST(value_pusd AS HUGEINT)), count(value_pusd),
       sum(CASE WHEN attempts_before = 1 THEN 1 ELSE 0 END),
       sum(CASE WHEN named_by = 1 THEN 1 ELSE 0 END), sum(attempts_empty), min(began_ns), max(began_ns),
       sum(CAST(floor(CAST(began_ns AS DOUBLE) / 1e9) AS HUGEINT)), count(began_ns),
       CASE WHEN max(cost) < 1e15
            THEN sum(CAST(CASE WHEN cost < 1e15 THEN cost * cost END AS HUGEINT))
            ELSE CAST(CASE WHEN sum(cost * cost) > 1e38 THEN 1e38 ELSE sum(cost * cost) END
                      AS HUGEINT) END,
       CASE WHEN max(cost) < 1e15 AND max(value) < 1e15
            THEN sum(CAST(CASE WHEN cost < 1e15 AND value < 1e15 THEN cost * value END AS HUGEINT))
            ELSE CAST(CASE WHEN sum(cost * value) > 1e38 THEN 1e38 ELSE sum(cost * value) END
                      AS HUGEINT) END,
       CASE WHEN max(value) < 1e15
            THEN sum(CAST(CASE WHEN value < 1e15 THEN value * value END AS HUGEINT))
            ELSE CAST(CASE WHEN sum(value * value) > 1e38 THEN 1e38 ELSE sum(value * value) END
                      AS HUGEINT) END
FROM (SELECT *, CAST(agent_pusd + human_pusd + correction_pusd AS DOUBLE) / 1e3 AS cost, -- n$
             CAST(value_pusd AS DOUBLE) / 1e3 AS value
      FROM case_costs)
GROUP BY ALL ORDER BY 1, 2, 3

-- Closed cases of the workflows that are too small for the delta method, in a fixed order: cost,
-- whether resolved, value (USD). $1: where either count is below it; $2: closed cases at most.
-- name: report_closed_cases
SELECT workflow, CAST(agent_pusd + human_pusd + correction_pusd AS DOUBLE) / 1e12, state = 0,
       CASE WHEN state = 0 THEN CAST(coalesce(value_pusd, 0) AS DOUBLE) / 1e12 ELSE 0.0 END
FROM case_costs
WHERE state < 2 AND workflow <> '' AND workflow IN (
  SELECT workflow FROM case_costs WHERE state < 2 GROUP BY workflow
  HAVING count(*) <= $2 AND (count(*) < $1 OR sum(CASE WHEN state = 0 THEN 1 ELSE 0 END) < $1))
ORDER BY workflow, case_key

-- What steps add up to. $1 as of (ns), $2 workflow.
-- name: report_steps
SELECT workflow, kind, cost_basis, count(*), coalesce(sum(cost_pusd), 0),
       sum(input_uncached), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h),
       sum(input_audio), sum(input_image), sum(output), sum(output_audio), sum(requests),
       sum(web_searches), sum(reasoning)
FROM steps
WHERE ($1 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $1)
  AND ($2 = '' OR workflow IN ('', $2))
GROUP BY workflow, kind, cost_basis

-- The same over the cases of a window.
-- name: report_steps_window
SELECT workflow, kind, cost_basis, count(*), coalesce(sum(cost_pusd), 0),
       sum(input_uncached), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h),
       sum(input_audio), sum(input_image), sum(output), sum(output_audio), sum(requests),
       sum(web_searches), sum(reasoning)
FROM steps SEMI JOIN case_costs USING (case_key)
WHERE ($1 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $1)
  AND ($2 = '' OR workflow IN ('', $2))
GROUP BY workflow, kind, cost_basis

-- Models that have no price, the most called first.
-- name: report_unpriced
SELECT workflow, coalesce(model, ''), count(*)
FROM steps SEMI JOIN case_costs USING (case_key)
WHERE cost_basis = 3 AND ($1 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $1)
  AND ($2 = '' OR workflow IN ('', $2))
GROUP BY workflow, coalesce(model, '') ORDER BY workflow, count(*) DESC, coalesce(model, '')
LIMIT 1000

-- Calls of the gateway whose usage is, in part at least, an estimate.
-- name: report_estimated
SELECT workflow, count(*), coalesce(sum(cost_pusd), 0)
FROM steps SEMI JOIN case_costs USING (case_key)
WHERE channel = 0 AND starts_with(raw_usage, '{"estimated":true')
  AND ($1 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $1)
  AND ($2 = '' OR workflow IN ('', $2))
GROUP BY workflow

-- Cases without any date, which no window can hold.
-- name: report_undated
SELECT count(*) FROM cases
WHERE ($1 = '' OR workflow = $1)
  AND case_key IN (SELECT case_key FROM steps GROUP BY case_key HAVING max(started_ns) IS NULL)

-- name: report_workflow_known
SELECT 1 FROM cases WHERE workflow = $1 LIMIT 1

-- name: report_workflow_names
SELECT DISTINCT workflow FROM cases WHERE workflow <> '' ORDER BY workflow LIMIT 20

-- ============================================================ drivers

-- Of all of these: $1 workflow ('' for all), $2 as of. case_costs holds the cases of the window.
--
-- A session is an attempt and, within it, an agent: a sub-agent has a context of its own. Calls
-- count that have usage. A call's tokens of one class are at most 1e9 (USAGE_TOKENS_MAX), which an
-- INTEGER holds.

-- fragment: drivers_scope
    ($1 = '' OR s.workflow = $1)
    AND ($2 = 9223372036854775807 OR s.started_ns IS NULL OR s.started_ns <= $2)

-- fragment: drivers_used
    AND s.kind = 0 AND s.input_uncached + s.cache_read + s.cache_write_5m + s.cache_write_1h
                       + s.input_audio + s.input_image + s.output + s.output_audio > 0

-- code is even; with 1 added it stands for the same price in the attempts that resolved a case.
-- fragment: drivers_call_of
    CASE WHEN s.agent IS NULL THEN s.attempt_key ELSE hash(s.attempt_key, s.agent) END AS session,
    p.code + CASE WHEN s.attempt_key = c.base_attempt THEN 1 ELSE 0 END AS code,

-- fragment: drivers_call_from
  FROM steps s JOIN case_costs c ON c.case_key = s.case_key
       JOIN drivers_prices p
         ON p.price_key = CASE WHEN s.cost_basis = 1 THEN s.price_id
                               ELSE hash(s.cost_basis, s.provider, s.model) END

-- Steps whose time is not known.
-- name: drivers_untimed
SELECT count(*) FROM steps s WHERE s.started_ns IS NULL AND
{drivers_scope}

-- What cases cost, by the parts of the report; the last three are sums of squares and products of
-- retry and total in 1e-18 USD^2, of at most a million dollars a case (that no integer overflows).
-- name: drivers_cases
SELECT count(*), sum(attempts), coalesce(sum(total), 0), coalesce(sum(retry), 0),
       coalesce(sum(CASE WHEN state < 2 THEN human_pusd END), 0),
       coalesce(sum(CASE WHEN state = 2 THEN total END), 0),
       coalesce(sum(CASE WHEN state = 0 THEN last_pusd END), 0),
       coalesce(sum(CASE WHEN state = 0 THEN before_pusd - last_pusd END), 0),
       coalesce(sum(CASE WHEN state = 1 THEN before_pusd END), 0),
       coalesce(sum(CAST(y * y AS HUGEINT)), 0), coalesce(sum(CAST(x * y AS HUGEINT)), 0),
       coalesce(sum(CAST(x * x AS HUGEINT)), 0)
FROM (SELECT *, least(CAST(retry AS DOUBLE) / 1e3, 1e15) AS y,
             least(CAST(total AS DOUBLE) / 1e3, 1e15) AS x
      FROM (SELECT *, agent_pusd + human_pusd + correction_pusd AS total,
                   CASE state WHEN 0 THEN agent_pusd - last_pusd + correction_pusd
                              WHEN 1 THEN agent_pusd + correction_pusd ELSE 0 END AS retry
            FROM case_costs WHERE state < 3 AND ($1 = '' OR workflow = $1)))

-- Each price calls were made with, of those without one each model; and for the calls of each: how
-- many, how many of them with usage, their times and places, how many have a time that is no whole
-- millisecond, the most audio and image tokens.
-- name: drivers_prices_create
CREATE OR REPLACE TEMP TABLE drivers_prices AS
SELECT CAST(2 * row_number() OVER (ORDER BY cost_basis, price_key) AS INTEGER) AS code, *
FROM (SELECT s.cost_basis,
             CASE WHEN s.cost_basis = 1 THEN s.price_id
                  ELSE hash(s.cost_basis, s.provider, s.model) END AS price_key,
             CASE WHEN s.cost_basis <> 1 THEN s.provider END AS provider,
             CASE WHEN s.cost_basis <> 1 THEN s.model END AS model,
             count(*) AS calls,
             count_if(s.input_uncached + s.cache_read + s.cache_write_5m + s.cache_write_1h
                      + s.input_audio + s.input_image + s.output + s.output_audio > 0) AS used,
             min(s.started_ns) AS first_ns, max(s.started_ns) AS last_ns,
             min(s.sequence) AS first_place, max(s.sequence) AS last_place,
             count_if(s.started_ns % 1000000 <> 0) AS fractions,
             max(s.input_audio + s.input_image) AS media
      FROM steps s
      WHERE s.kind = 0 AND
{drivers_scope}
      GROUP BY ALL)

-- name: drivers_prices
SELECT code, cost_basis, CASE WHEN cost_basis = 1 THEN price_key ELSE 0 END, provider, model,
       calls, used, first_ns, last_ns, first_place, last_place, fractions, media
FROM drivers_prices ORDER BY code

-- What the calls of each price cost, and those of them that have usage; and what all wrote.
-- name: drivers_costs
SELECT p.code + CASE WHEN s.attempt_key = c.base_attempt THEN 1 ELSE 0 END AS code,
       coalesce(sum(s.cost_pusd), 0),
       coalesce(sum(CASE WHEN s.input_uncached + s.cache_read + s.cache_write_5m
                              + s.cache_write_1h + s.input_audio + s.input_image + s.output
                              + s.output_audio > 0 THEN s.cost_pusd END), 0),
       sum(s.output + s.output_audio)
{drivers_call_from}
WHERE s.kind = 0 AND
{drivers_scope}
GROUP BY ALL ORDER BY 1

-- name: drivers_unpriced
SELECT count(*) FROM steps s SEMI JOIN case_costs c ON c.case_key = s.case_key
WHERE s.cost_basis = 3 AND
{drivers_scope}

-- Tools of the attempts that resolved a case.
-- name: drivers_tools
SELECT coalesce(sum(s.cost_pusd), 0)
FROM steps s JOIN case_costs c ON c.case_key = s.case_key AND s.attempt_key = c.base_attempt
WHERE s.kind <> 0 AND s.cost_pusd <> 0 AND
{drivers_scope}

-- What was read again: a prefix, which is what caches serve, so cache reads first, then writes.
-- Squares are of at most 3e9 tokens, which is more than any context. The calls are in the order of
-- explain: by time where every step of the attempt has one, else by place; then by place and key.
-- Of the attempts with keys from $3 to $4: long rows of ten million calls do not fit the memory.
-- name: drivers_carried_any
WITH calls AS (
  SELECT
{drivers_call_of}
    CAST(s.input_uncached AS INTEGER) AS uncached, CAST(s.cache_read AS INTEGER) AS read,
    CAST(s.cache_write_5m AS INTEGER) AS write_5m, CAST(s.cache_write_1h AS INTEGER) AS write_1h,
    CAST(s.input_audio AS INTEGER) AS audio, CAST(s.input_image AS INTEGER) AS image,
    s.output + s.output_audio AS output,
    CASE WHEN u.attempt_key IS NULL THEN s.started_ns ELSE 0 END AS time, s.sequence, s.step_key
{drivers_call_from}
       LEFT JOIN (SELECT DISTINCT attempt_key FROM steps s WHERE s.started_ns IS NULL AND
{drivers_scope}
       ) u ON u.attempt_key = s.attempt_key
  WHERE s.attempt_key BETWEEN CAST($3 AS UBIGINT) AND CAST($4 AS UBIGINT) AND
{drivers_scope}
{drivers_used}
), lagged AS (
  SELECT code, uncached, read, write_5m, write_1h, audio, image,
         CAST(uncached AS BIGINT) + read + write_5m + write_1h + audio + image AS input,
         lag(CAST(uncached AS BIGINT) + read + write_5m + write_1h + audio + image + output)
           OVER (PARTITION BY session ORDER BY time, sequence, step_key) AS before
  FROM calls
), placed AS (
  SELECT *, least(input, coalesce(before, 0)) AS carried FROM lagged
)
SELECT code, count(*), sum(uncached), sum(read), sum(write_5m), sum(write_1h), sum(audio),
       sum(image),
       sum(least(uncached, greatest(carried - read - write_5m - write_1h, 0))),
       sum(least(read, carried)), sum(least(write_5m, greatest(carried - read, 0))),
       sum(least(write_1h, greatest(carried - read - write_5m, 0))),
       sum(least(audio, greatest(carried - read - write_5m - write_1h - uncached, 0))),
       sum(greatest(carried - read - write_5m - write_1h - uncached - audio, 0)),
       sum(least(input, 3000000000) * least(input, 3000000000)),
       sum(least(input - carried, 3000000000) * least(input - carried, 3000000000)), 0
FROM placed GROUP BY code ORDER BY code

-- The same where every call has usage, none has audio or image tokens, and time in milliseconds and
-- place fit one integer: (time - $3) * $4 + place - $5. Few columns are what the window moves fast:
-- two classes go into each (30 bits hold 1e9), and what a row needs of the one before, its tokens
-- (34 bits) and the end of its place (28), is one, too. Calls of a session at one place are tied:
-- with any, this answer is not to be used.
-- name: drivers_carried_narrow
WITH calls AS (
  SELECT
{drivers_call_of}
    s.input_uncached << 30 | s.cache_read AS plain,
    s.cache_write_5m << 30 | s.cache_write_1h AS written,
    s.input_uncached + s.cache_read + s.cache_write_5m + s.cache_write_1h + s.output
      + s.output_audio AS tokens,
    (s.started_ns // 1000000 - CAST($3 AS BIGINT)) * CAST($4 AS BIGINT)
      + (s.sequence - CAST($5 AS BIGINT)) AS place
{drivers_call_from}
  WHERE s.kind = 0 AND
{drivers_scope}
), lagged AS (
  SELECT code, plain, written, place & 268435455 AS "end",
         lag(tokens << 28 | (place & 268435455)) OVER (PARTITION BY session ORDER BY place) AS last
  FROM calls
), opened AS (
  SELECT code, plain >> 30 AS uncached, plain & 1073741823 AS read, written >> 30 AS write_5m,
         written & 1073741823 AS write_1h, coalesce(last >> 28, 0) AS before,
         last & 268435455 = "end" AS tied
  FROM lagged
), placed AS (
  SELECT *, uncached + read + write_5m + write_1h AS input,
         least(uncached + read + write_5m + write_1h, before) AS carried
  FROM opened
)
SELECT code, count(*), sum(uncached), sum(read), sum(write_5m), sum(write_1h), 0, 0,
       sum(greatest(carried - read - write_5m - write_1h, 0)), sum(least(read, carried)),
       sum(least(write_5m, greatest(carried - read, 0))),
       sum(least(write_1h, greatest(carried - read - write_5m, 0))), 0, 0,
       sum(least(input, 3000000000) * least(input, 3000000000)),
       sum(least(input - carried, 3000000000) * least(input - carried, 3000000000)),
       count_if(tied)
FROM placed GROUP BY code ORDER BY code

-- Leave every $1-th case only, for what follows. Keys are hashes.
-- name: drivers_thin_costs
DELETE FROM case_costs WHERE case_key % CAST($1 AS UBIGINT) <> 0

-- Calls of a sample of the attempts: those with keys up to $3. Keys are hashes, and a range of them
-- is what a scan can leave rows out by.
-- name: drivers_sample_create
CREATE OR REPLACE TEMP TABLE drivers_sample AS
SELECT s.attempt_key, s.case_key,
       CASE WHEN s.agent IS NULL THEN s.attempt_key ELSE hash(s.attempt_key, s.agent) END AS session,
       s.started_ns, s.sequence,
       s.input_uncached + s.cache_read + s.cache_write_5m + s.cache_write_1h + s.input_audio
         + s.input_image AS input
FROM steps s
     JOIN (SELECT attempt_key FROM attempts SEMI JOIN case_costs USING (case_key)
           WHERE attempt_key <= CAST($3 AS UBIGINT)) a ON a.attempt_key = s.attempt_key
WHERE
{drivers_scope}
{drivers_used}

-- Sums over the turns of each session: x log turn, y log of the input so far, as whole numbers of
-- 1e-8. At most $1 sessions, in an order that has to do with nothing. Of calls at one place, which
-- few sources have, the smallest is taken to be the first: keys of steps are long to read.
-- name: drivers_turns
WITH chosen AS (
  SELECT session FROM drivers_sample GROUP BY session HAVING count(*) >= 3
  ORDER BY count(*) < 10, hash(session), session LIMIT $1
), calls AS (
  SELECT s.session, s.input,
         CASE WHEN u.attempt_key IS NULL THEN s.started_ns ELSE 0 END AS time, s.sequence
  FROM drivers_sample s SEMI JOIN chosen USING (session)
       LEFT JOIN (SELECT DISTINCT attempt_key FROM steps WHERE started_ns IS NULL) u
         ON u.attempt_key = s.attempt_key
), turns AS (
  SELECT session, row_number() OVER w AS turn,
         sum(input) OVER (PARTITION BY session ORDER BY time, sequence, input
                          ROWS UNBOUNDED PRECEDING) AS so_far
  FROM calls WINDOW w AS (PARTITION BY session ORDER BY time, sequence, input)
), logs AS (
  SELECT session, CAST(round(ln(turn) * 1e8) AS BIGINT) AS x,
         CAST(round(ln(greatest(CAST(so_far AS DOUBLE), 1)) * 1e8) AS BIGINT) AS y
  FROM turns
)
SELECT count(*), sum(x), sum(y), sum(x * y), sum(x * x) FROM logs GROUP BY session ORDER BY session

-- Attempts of closed cases by their largest context, in ten parts as equal as ties allow. An
-- attempt succeeded as its source says, else when it resolved the case. Of cases with attempts
-- after their resolution, only the resolving attempt counts: what those later ones are is not told.
-- name: drivers_contexts
WITH sized AS (
  SELECT attempt_key, case_key, max(input) AS size FROM drivers_sample GROUP BY attempt_key, case_key
), judged AS (
  SELECT s.size,
         CASE WHEN coalesce(a.succeeded, CASE WHEN s.attempt_key = c.base_attempt THEN 1 ELSE 0 END)
                   <> 0 THEN 1 ELSE 0 END AS success
  FROM sized s JOIN case_costs c USING (case_key) JOIN attempts a ON a.attempt_key = s.attempt_key
  WHERE c.state < 2 AND (c.attempts = c.attempts_before OR s.attempt_key = c.base_attempt)
), placed AS (
  SELECT size, success,
         (10 * count(*) OVER (ORDER BY size) + count(*) OVER () - 1) // count(*) OVER () AS part
  FROM judged
)
SELECT part, max(size), count(*), sum(success) FROM placed GROUP BY part ORDER BY part

-- Input above $3 tokens, by price and class in proportion (whole tokens of each call), and the
-- squares of those contexts less those of $3.
-- name: drivers_excess
SELECT code, count(*), sum(input - edge), sum(uncached * (input - edge) // input),
       sum(read * (input - edge) // input), sum(write_5m * (input - edge) // input),
       sum(write_1h * (input - edge) // input), sum(audio * (input - edge) // input),
       sum(image * (input - edge) // input),
       sum(least(input, 3000000000) * least(input, 3000000000)
           - least(edge, 3000000000) * least(edge, 3000000000))
FROM (SELECT p.code, s.input_uncached AS uncached, s.cache_read AS read,
             s.cache_write_5m AS write_5m, s.cache_write_1h AS write_1h, s.input_audio AS audio,
             s.input_image AS image, CAST($3 AS BIGINT) AS edge,
             s.input_uncached + s.cache_read + s.cache_write_5m + s.cache_write_1h + s.input_audio
               + s.input_image AS input
{drivers_call_from}
      WHERE s.kind = 0 AND
{drivers_scope}
     )
WHERE input > edge GROUP BY code ORDER BY code

-- ============================================================ waste

-- economics.md section 7. Three tables, made over and over for ranges of cases, say it once for
-- everybody: case_attempts (what each attempt was for its case), step_places (the steps of those
-- attempts in order) and step_labels (label, reason and dollars of each). $1 to $2 are the keys of
-- the cases, $3 as of (ns), $4 their workflow ('' unattributed).
--
-- case_attempts.part: 0 base, 1 retry tail, 2 sunk, 3 rework, 4 open. case_costs says how many
-- attempts came before the resolution: the first of all and then the earliest.
-- name: labels_attempts_create
CREATE OR REPLACE TEMP TABLE case_attempts AS
WITH spent AS (
  SELECT attempt_key, min(started_ns) AS started_ns, bool_or(started_ns IS NULL) AS untimed,
         count(*) AS steps, sum(cost_pusd) AS cost_pusd,
         sum(CASE WHEN kind <> 0 THEN cost_pusd END) AS fee_pusd, sum(human_ms) AS human_ms,
         count_if(kind = 0) AS calls, count_if(cost_basis = 3) AS unpriced
  FROM steps
  WHERE case_key BETWEEN $1 AND $2 AND ($4 = '' OR workflow IN ('', $4))
    AND (started_ns IS NULL OR started_ns <= $3)
  GROUP BY attempt_key
), placed AS (
  SELECT a.case_key, a.attempt_key, a.attempt_id, a.agent, a.succeeded, s.* EXCLUDE (attempt_key),
         c.state, c.attempts_before,
         row_number() OVER (PARTITION BY a.case_key
           ORDER BY CASE WHEN a.number > 0 THEN a.number ELSE coalesce(s.started_ns, 0) END,
                    a.attempt_key) AS n
  FROM attempts a JOIN case_costs c USING (case_key) LEFT JOIN spent s USING (attempt_key)
  WHERE a.case_key BETWEEN $1 AND $2 AND c.workflow = $4
    AND (s.attempt_key IS NOT NULL OR $3 = 9223372036854775807)
), parted AS (
  SELECT *, row_number() OVER (PARTITION BY case_key ORDER BY n > 1, coalesce(started_ns, 0), n)
              <= attempts_before AS before
  FROM placed
), resolved AS (
  SELECT *, max(CASE WHEN before AND state = 0 THEN n END) OVER (PARTITION BY case_key)
              AS resolving
  FROM parted
)
SELECT case_key, attempt_key, attempt_id, agent, succeeded, started_ns, coalesce(untimed, true)
         AS untimed, coalesce(steps, 0) AS steps, coalesce(cost_pusd, 0) AS cost_pusd,
       coalesce(fee_pusd, 0) AS fee_pusd, coalesce(human_ms, 0) AS human_ms,
       coalesce(calls, 0) AS calls, coalesce(unpriced, 0) AS unpriced, n, resolving,
       CASE WHEN state >= 2 THEN 4 WHEN NOT before THEN 3 WHEN state = 1 THEN 2
            WHEN n = resolving THEN 0 ELSE 1 END AS part
FROM resolved

-- In the order of time where every step of the attempt has one, else as the source has them.
-- name: labels_places_create
CREATE OR REPLACE TEMP TABLE step_places AS
SELECT s.step_key, s.case_key, s.attempt_key, s.kind, s.status, s.effect, s.name, s.agent,
       s.args_hash, s.caller, s.cost_pusd, s.cost_basis = 3 AS unpriced, s.human_ms, a.part,
       a.resolving, a.steps AS n_max, s.kind IN (1, 2) AS is_tool,
       s.kind <> 0 AND s.effect = 2 AND s.status = 0 AS changed,
       s.kind IN (1, 2) AND s.effect = 0 AND s.status <> 2 AS unknown,
       row_number() OVER (PARTITION BY s.attempt_key
         ORDER BY CASE WHEN a.untimed THEN 0 ELSE s.started_ns END, s.sequence, s.kind <> 0,
                  s.step_key) AS n
FROM steps s JOIN case_attempts a USING (attempt_key)
WHERE s.case_key BETWEEN $1 AND $2 AND ($4 = '' OR s.workflow IN ('', $4))
  AND (s.started_ns IS NULL OR s.started_ns <= $3)

-- Tools that plan, keep lists or put text in shape, in lower case: their steps are overhead.
-- fragment: overhead_tools
VALUES ('todowrite'), ('todoread'), ('write_todos'), ('update_plan'), ('plan'), ('planning'),
       ('think'), ('sequentialthinking'), ('mcp__sequential-thinking__sequentialthinking'),
       ('enterplanmode'), ('exitplanmode'), ('exit_plan_mode'), ('taskcreate'), ('taskupdate'),
       ('tasklist'), ('taskget'), ('toolsearch'), ('structuredoutput'), ('format'),
       ('format_output')

-- Whether what a step p of step_places handed back was never used: economics.md section 6, from the
-- table unused_results. What a write answers is a receipt, which nobody has to use.
-- fragment: step_ignored
p.effect <> 2 AND p.step_key IN (SELECT step_key FROM unused_results WHERE state = 1)

-- One row a step. label: 0 wasted/attempt, 1 wasted/duplicate, 2 wasted/error, 3 wasted/ignored,
-- 4 wasted/after, 5 overhead, 6 essential. reason: enum label_reason of api/labels.h; ref: the step
-- or attempt it names. call_n: the model call that issued the step, where the source does not say
-- the latest of the same agent; issued: how many steps a call issued. share_pusd: the step's part
-- of that call's cost, equal parts and the p$ that remain to the first; carried_pusd: what the step
-- stands for in sums, its own cost and its share: nothing for a call that issued steps, whose cost
-- they carry. It adds up to the cost of all steps; carried_unknown: some of it has no price.
--
-- Few steps are repeated or failed: windows run over those alone.
-- name: labels_create
CREATE OR REPLACE TEMP TABLE step_labels AS
WITH ends AS MATERIALIZED (
  SELECT attempt_key, max(CASE WHEN changed THEN n END) AS last_change,
         max(CASE WHEN kind = 0 THEN n END) AS last_call
  FROM step_places GROUP BY attempt_key
), repeated AS MATERIALIZED (
  SELECT attempt_key, name, args_hash FROM step_places
  WHERE is_tool AND args_hash <> 0 AND part NOT IN (1, 2) GROUP BY ALL HAVING count(*) > 1
), counted AS ( -- steps before this one that changed something, or whose effect nobody knows
  SELECT attempt_key, n, name, args_hash, status, is_tool,
         count(CASE WHEN changed THEN 1 END) OVER upto AS changes,
         count(CASE WHEN unknown THEN 1 END) OVER upto AS unknowns,
         CASE WHEN changed THEN 1 ELSE 0 END AS own_change,
         CASE WHEN unknown THEN 1 ELSE 0 END AS own_unknown
  FROM step_places WHERE attempt_key IN (SELECT attempt_key FROM repeated)
  WINDOW upto AS (PARTITION BY attempt_key ORDER BY n ROWS UNBOUNDED PRECEDING)
), twins AS ( -- same: earlier steps of the same tool and arguments; ok: those that worked
  SELECT c.attempt_key, c.n, c.status, c.changes - c.own_change AS changes,
         c.unknowns - c.own_unknown AS unknowns,
         max(c.n) OVER same AS same_n, max(c.changes) OVER same AS same_changes,
         max(CASE WHEN c.status = 0 THEN c.n END) OVER same AS ok_n,
         max(CASE WHEN c.status = 0 THEN c.changes END) OVER same AS ok_changes,
         max(CASE WHEN c.status = 0 THEN c.unknowns END) OVER same AS ok_unknowns
  FROM counted c JOIN repeated r ON r.attempt_key = c.attempt_key AND r.args_hash = c.args_hash
         AND r.name IS NOT DISTINCT FROM c.name
  WHERE c.is_tool
  WINDOW same AS (PARTITION BY c.attempt_key, c.name, c.args_hash ORDER BY c.n
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), duplicates AS (
  SELECT attempt_key, n,
         CASE WHEN NOT coalesce(ok_changes = changes, false) THEN 4
              WHEN unknowns > ok_unknowns THEN 3 ELSE 2 END AS reason,
         CASE WHEN ok_changes = changes THEN ok_n ELSE same_n END AS ref
  FROM twins WHERE ok_changes = changes OR (status <> 0 AND same_changes = changes)
), failing AS (
  SELECT attempt_key, name FROM step_places
  WHERE is_tool AND name IS NOT NULL AND part NOT IN (1, 2) GROUP BY ALL
  HAVING count_if(status = 1) > 0 AND count_if(status = 0) > 0
), repairs AS ( -- same_ok, named_ok: the next that worked with these arguments, with any
  SELECT p.attempt_key, p.n,
         CASE WHEN p.args_hash <> 0 THEN min(CASE WHEN p.status = 0 THEN p.n END) OVER same_later
              END AS same_ok_n,
         min(CASE WHEN p.status = 0 THEN p.n END) OVER named_later AS named_ok_n,
         lag(p.n) OVER named AS named_n, lag(p.status) OVER named AS named_status
  FROM step_places p SEMI JOIN failing f ON f.attempt_key = p.attempt_key AND f.name = p.name
  WHERE p.is_tool
  WINDOW same_later AS (PARTITION BY p.attempt_key, p.name, p.args_hash ORDER BY p.n
           ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING),
         named_later AS (PARTITION BY p.attempt_key, p.name ORDER BY p.n
           ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING),
         named AS (PARTITION BY p.attempt_key, p.name ORDER BY p.n)
), calls AS (
  SELECT DISTINCT ON (attempt_key, caller) attempt_key, n, cost_pusd, unpriced,
         CAST(step_key & 18446744073709551615 AS UBIGINT) AS caller
  FROM step_places WHERE kind = 0 ORDER BY attempt_key, caller, n
), callers AS (
  SELECT t.attempt_key, t.n, c.n AS call_n, c.cost_pusd AS call_pusd, c.unpriced AS call_unpriced
  FROM step_places t JOIN calls c ON c.attempt_key = t.attempt_key AND c.caller = t.caller
  WHERE t.kind <> 0 AND t.caller <> 0
  UNION ALL
  SELECT t.attempt_key, t.n, c.n, c.cost_pusd, c.unpriced
  FROM (SELECT attempt_key, n, coalesce(agent, '') AS agent FROM step_places
        WHERE is_tool AND caller = 0) t
       ASOF JOIN (SELECT attempt_key, n, coalesce(agent, '') AS agent, cost_pusd, unpriced
                  FROM step_places WHERE kind = 0) c
       ON c.attempt_key = t.attempt_key AND c.agent = t.agent AND c.n <= t.n
), judged AS MATERIALIZED (
  SELECT p.*, e.last_change, e.last_call, c.call_n, c.call_pusd, c.call_unpriced,
         d.reason AS twin_reason, d.ref AS twin_n, r.same_ok_n, r.named_ok_n, r.named_n,
         r.named_status,
         CASE WHEN p.part IN (1, 2) THEN 0
              WHEN d.n IS NOT NULL THEN 1
              WHEN p.is_tool AND p.status = 1 AND r.named_ok_n IS NOT NULL THEN 2
              WHEN
{step_ignored}
              THEN 3
              WHEN p.is_tool AND p.effect = 1 AND p.n > e.last_change AND p.n > e.last_call THEN 4
              WHEN p.kind = 5 OR (p.is_tool AND lower(p.name) IN (
{overhead_tools}
              )) THEN 5
              ELSE 6 END AS label
  FROM step_places p JOIN ends e USING (attempt_key)
       LEFT JOIN duplicates d ON d.attempt_key = p.attempt_key AND d.n = p.n
       LEFT JOIN repairs r ON r.attempt_key = p.attempt_key AND r.n = p.n
       LEFT JOIN callers c ON c.attempt_key = p.attempt_key AND c.n = p.n
  WHERE p.kind <> 0
), issues AS MATERIALIZED (
  SELECT j.attempt_key, j.call_n, count(*) AS issued, min(j.n) AS first_n,
         min(j.label) AS label_min, max(j.label) AS label_max
  FROM judged j WHERE j.call_n IS NOT NULL GROUP BY j.attempt_key, j.call_n
), places AS (
  SELECT j.attempt_key, j.n,
         row_number() OVER (PARTITION BY j.attempt_key, j.call_n ORDER BY j.n) AS place
  FROM judged j JOIN issues i ON i.attempt_key = j.attempt_key AND i.call_n = j.call_n
  WHERE i.issued > 1
), paid AS MATERIALIZED (
  SELECT j.*,
         coalesce(j.call_pusd // i.issued
                  + CASE WHEN coalesce(l.place, 1) <= abs(j.call_pusd % i.issued)
                         THEN sign(j.call_pusd) ELSE 0 END, 0) AS share_pusd
  FROM judged j LEFT JOIN issues i ON i.attempt_key = j.attempt_key AND i.call_n = j.call_n
       LEFT JOIN places l ON l.attempt_key = j.attempt_key AND l.n = j.n
), most AS ( -- where the steps a call issued have different labels: the dearest
  SELECT attempt_key, call_n, label
  FROM (SELECT p.attempt_key, p.call_n, p.label,
               row_number() OVER (PARTITION BY p.attempt_key, p.call_n
                 ORDER BY sum(p.share_pusd) DESC, count(*) DESC, p.label) AS place
        FROM paid p JOIN issues i ON i.attempt_key = p.attempt_key AND i.call_n = p.call_n
        WHERE i.label_min < i.label_max
        GROUP BY p.attempt_key, p.call_n, p.label)
  WHERE place = 1
), explained AS (
  SELECT *, CASE label
           WHEN 0 THEN CASE WHEN part = 1 THEN 0 ELSE 1 END
           WHEN 1 THEN twin_reason
           WHEN 2 THEN CASE WHEN same_ok_n IS NOT NULL THEN 5 ELSE 6 END
           WHEN 3 THEN 7 WHEN 4 THEN 8 WHEN 5 THEN CASE WHEN kind = 5 THEN 9 ELSE 10 END
           ELSE CASE WHEN kind = 4 AND status = 2 THEN 24 WHEN kind = 4 THEN 18
                     WHEN status = 2 THEN 15 WHEN status = 3 THEN 16 WHEN status = 1 THEN 14
                     WHEN kind = 3 THEN 19 WHEN is_tool AND named_status = 1 THEN 17
                     WHEN changed THEN 13 WHEN is_tool AND effect = 1 THEN 20 ELSE 21 END
           END AS reason
  FROM paid
)
SELECT step_key, case_key, attempt_key, n, n_max, kind, status, name, unpriced, human_ms, label,
       reason,
       CASE reason WHEN 0 THEN resolving WHEN 2 THEN twin_n WHEN 3 THEN twin_n WHEN 4 THEN twin_n
                   WHEN 5 THEN same_ok_n WHEN 6 THEN named_ok_n WHEN 8 THEN last_change
                   WHEN 17 THEN named_n END AS ref,
       call_n, CAST(0 AS BIGINT) AS issued, false AS mixed, share_pusd,
       CAST(coalesce(cost_pusd, 0) AS HUGEINT) + share_pusd AS carried_pusd,
       unpriced OR coalesce(call_unpriced, false) AS carried_unknown
FROM explained
UNION ALL
SELECT p.step_key, p.case_key, p.attempt_key, p.n, p.n_max, p.kind, p.status, p.name, p.unpriced,
       p.human_ms,
       CASE WHEN p.part IN (1, 2) THEN 0 WHEN i.issued IS NULL THEN 6
            ELSE coalesce(m.label, i.label_min) END,
       CASE WHEN p.part = 1 THEN 0 WHEN p.part = 2 THEN 1
            WHEN i.issued = 1 THEN 22 WHEN i.issued > 1 THEN 23
            WHEN p.status = 1 THEN 25 WHEN p.status = 2 THEN 15 WHEN p.status = 3 THEN 16
            WHEN p.n = e.last_call THEN 11 ELSE 12 END,
       CASE WHEN p.part = 1 THEN p.resolving WHEN p.part = 2 THEN NULL
            WHEN i.issued = 1 THEN i.first_n ELSE i.issued END,
       NULL, coalesce(i.issued, 0), coalesce(i.label_min < i.label_max, false), 0,
       CASE WHEN i.issued IS NULL THEN CAST(coalesce(p.cost_pusd, 0) AS HUGEINT) ELSE 0 END,
       p.unpriced AND i.issued IS NULL
FROM step_places p JOIN ends e USING (attempt_key)
     LEFT JOIN issues i ON i.attempt_key = p.attempt_key AND i.call_n = p.n
     LEFT JOIN most m ON m.attempt_key = p.attempt_key AND m.call_n = p.n
WHERE p.kind = 0

-- How many steps a workflow has: $1, as of $2.
-- name: waste_step_count
SELECT count(*) FROM steps
WHERE workflow = $1 AND ($2 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $2)

-- name: waste_tools_create
CREATE OR REPLACE TEMP TABLE waste_tools (
  label INTEGER, kind UTINYINT, name VARCHAR, steps BIGINT, carried_pusd HUGEINT)

-- name: waste_examples_create
CREATE OR REPLACE TEMP TABLE waste_examples (
  label INTEGER, case_key UBIGINT, attempt_key UBIGINT, n BIGINT, kind UTINYINT, name VARCHAR,
  reason INTEGER, ref BIGINT, carried_pusd HUGEINT)

-- What the labels of one range of cases come to. A call that issued steps is counted, and its cost
-- is where its steps are.
-- name: waste_labels
SELECT label, reason, count(*), count_if(unpriced), sum(human_ms), sum(carried_pusd)
FROM step_labels GROUP BY label, reason ORDER BY label, reason

-- What a tool's steps cost with what the model was paid to issue them; calls that issued nothing
-- have no tool.
-- name: waste_tools_add
INSERT INTO waste_tools
SELECT label, min(kind), CASE WHEN kind = 0 THEN NULL ELSE coalesce(name, '') END AS tool, count(*),
       sum(carried_pusd)
FROM step_labels WHERE kind <> 0 OR issued = 0 GROUP BY label, tool

-- The dearest of each label, $1 of them.
-- name: waste_examples_add
INSERT INTO waste_examples
SELECT label, case_key, attempt_key, n, kind, name, reason, ref, carried_pusd
FROM step_labels WHERE carried_pusd > 0 AND label < 6
QUALIFY row_number() OVER (PARTITION BY label
  ORDER BY carried_pusd DESC, case_key, attempt_key, n) <= $1

-- $1 of each label.
-- name: waste_tools
SELECT label, kind, name, steps, carried_pusd
FROM (SELECT label, min(kind) AS kind, name, sum(steps) AS steps, sum(carried_pusd) AS carried_pusd
      FROM waste_tools GROUP BY label, name)
QUALIFY row_number() OVER (PARTITION BY label ORDER BY carried_pusd DESC, steps DESC, name) <= $1
ORDER BY label, carried_pusd DESC, steps DESC, name

-- $1 of each label.
-- name: waste_examples
SELECT e.label, c.case_id, a.attempt_id, e.n, e.kind, e.name, e.reason, e.ref, e.carried_pusd
FROM waste_examples e JOIN cases c USING (case_key)
     JOIN attempts a ON a.attempt_key = e.attempt_key
QUALIFY row_number() OVER (PARTITION BY e.label
  ORDER BY e.carried_pusd DESC, e.case_key, e.attempt_key, e.n) <= $1
ORDER BY e.label, e.carried_pusd DESC, e.case_key, e.attempt_key, e.n

-- What case_costs says of a workflow $1, which the labels must come to.
-- name: waste_costs
SELECT count(*), coalesce(sum(attempts), 0), coalesce(sum(agent_pusd), 0),
       coalesce(sum(CASE WHEN state = 0 THEN before_pusd - last_pusd
                         WHEN state = 1 THEN before_pusd ELSE 0 END), 0),
       coalesce(sum(CASE WHEN state = 2 THEN 1 ELSE 0 END), 0)
FROM case_costs WHERE workflow = $1 AND state < 3

-- ============================================================ unused retrieval

-- economics.md sections 6 and 7, docs/unused.md: one row a result whose text was seen, over the
-- cases in case_costs. $1 workflow ('' for all), $2 as of (ns), $3 results of a workflow beyond
-- which only a share of them is asked how common a run is, $4 results from which on a run may be
-- in one of a hundred rather than in one attempt alone.
--
-- state: 0 used, 1 unused, 2 too short for a run of eight words, 3 nothing in it is distinctive,
-- 4 nothing is known of what the attempt wrote, 5 no later call of its agent read it.
--
-- The order is that of explain_steps. A result is in the context of its agent's later calls until
-- that is compacted. What a call paid for one token of input: its cost, shared out by weights (a
-- twentieth of uncached input: uncached 20, cache read 2, written for 5 minutes 25, for an hour
-- 40, output 100), in p$ a million tokens. All in integers, so that their order cannot matter.
-- name: unused_create
CREATE OR REPLACE TEMP TABLE unused_results AS
WITH texted AS (
  SELECT DISTINCT s.attempt_key
  FROM steps s SEMI JOIN (SELECT step_key FROM fingerprints WHERE role = 0) USING (step_key)
       SEMI JOIN case_costs USING (case_key)
  WHERE $1 = '' OR s.workflow = $1
), scope AS (
  SELECT s.*, bool_or(started_ns IS NULL) OVER (PARTITION BY attempt_key) AS untimed
  FROM steps s SEMI JOIN texted USING (attempt_key)
  WHERE $2 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $2
), placed AS (
  SELECT *, input_uncached + cache_read + cache_write_5m + cache_write_1h + input_audio
              + input_image AS input,
         CAST(20 * (input_uncached + input_audio + input_image) + 2 * cache_read
              + 25 * cache_write_5m + 40 * cache_write_1h AS HUGEINT) AS input_weight,
         CAST(100 * (output + output_audio) AS HUGEINT) AS output_weight,
         row_number() OVER (PARTITION BY attempt_key
           ORDER BY CASE WHEN untimed THEN 0 ELSE started_ns END, sequence, kind <> 0, step_key)
           AS n
  FROM scope
), epochs AS (
  SELECT step_key, workflow, attempt_key, case_key, kind, effect, caller, result_bytes, n,
         coalesce(agent, '') AS agent,
         CASE WHEN kind = 0 AND input > 0 AND cost_pusd IS NOT NULL
              THEN cost_pusd * CAST(1000000 AS HUGEINT) * input_weight
                   // ((input_weight + output_weight) * input) END AS rate,
         kind = 0 AND cost_pusd IS NULL AS unpriced,
         count_if(kind = 6 AND name IN ('compaction', 'microcompaction'))
           OVER (PARTITION BY attempt_key, coalesce(agent, '') ORDER BY n) AS epoch
  FROM placed
), carried AS (
  SELECT *, coalesce(sum(rate) OVER later, 0) AS rates,
         coalesce(count_if(kind = 0) OVER later, 0) AS calls,
         coalesce(count_if(unpriced) OVER later, 0) AS calls_unpriced
  FROM epochs
  WINDOW later AS (PARTITION BY attempt_key, agent, epoch ORDER BY n
                   ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
), texts AS ( -- the runs of a step, each once; the hash joins below want small keys
  SELECT step_key, role, list_distinct(flatten(list(prints))) AS prints
  FROM fingerprints GROUP BY step_key, role
), results AS (
  SELECT c.*, (c.result_bytes + 2) // 4 AS tokens, t.prints,
         CAST(row_number() OVER (ORDER BY c.step_key) AS INTEGER) AS id,
         CAST(dense_rank() OVER (ORDER BY c.workflow) AS INTEGER) AS flow
  FROM carried c JOIN texts t ON t.step_key = c.step_key AND t.role = 0
  WHERE c.kind IN (1, 2) AND c.result_bytes > 0
), sizes AS (
  SELECT flow, count(*) AS count, count(*) // $3 + 1 AS every FROM results GROUP BY flow
), asked AS ( -- of which results it is counted how common their runs are
  SELECT r.id, r.flow, s.count, abs(r.step_key % s.every) = 0 AS is_asked,
         sum(CASE WHEN abs(r.step_key % s.every) = 0 THEN 1 ELSE 0 END) OVER (PARTITION BY flow)
           AS asked
  FROM results r JOIN sizes s USING (flow)
), runs AS (
  SELECT id, flow, attempt_key, unnest(prints) AS print FROM results
), common AS ( -- how many results have a run, and whether one attempt has them all
  SELECT r.flow, r.print, count(*) AS results, min(r.attempt_key) = max(r.attempt_key) AS one
  FROM runs r SEMI JOIN (SELECT id FROM asked WHERE is_asked) USING (id)
  GROUP BY r.flow, r.print
), limits AS (
  SELECT flow, min(count) AS count, min(asked) AS asked FROM asked GROUP BY flow
), many AS ( -- what is not distinctive
  SELECT c.flow, c.print FROM common c JOIN limits l USING (flow)
  WHERE CASE WHEN l.count < $4 THEN NOT c.one ELSE c.results * 100 > l.asked END
), distinctive AS (
  SELECT id, attempt_key, print FROM runs ANTI JOIN many USING (flow, print)
), uses AS (
  SELECT p.attempt_key, p.n, p.kind, p.caller, unnest(t.prints) AS print
  FROM epochs p JOIN texts t ON t.step_key = p.step_key AND t.role = 1
), used AS ( -- by something later that was not asked for together with it
  SELECT DISTINCT r.id
  FROM (SELECT d.id, u.n, u.kind, u.caller
        FROM distinctive d JOIN uses u USING (attempt_key, print)) u JOIN results r USING (id)
  WHERE u.n > r.n AND NOT (u.kind <> 0 AND r.caller <> 0 AND u.caller = r.caller)
), spoken AS (
  SELECT DISTINCT attempt_key FROM uses
), special AS (
  SELECT DISTINCT id FROM distinctive
)
SELECT r.step_key, r.attempt_key, r.case_key, r.workflow, r.effect, r.tokens, r.calls,
       r.calls_unpriced, r.tokens * r.rates // 1000000 AS carried_pusd,
       CASE WHEN len(r.prints) = 0 THEN 2 WHEN r.calls = 0 THEN 5
            WHEN k.attempt_key IS NULL THEN 4 WHEN d.id IS NULL THEN 3
            WHEN u.id IS NOT NULL THEN 0 ELSE 1 END AS state
FROM results r LEFT JOIN spoken k USING (attempt_key) LEFT JOIN special d USING (id)
     LEFT JOIN used u USING (id)

-- name: unused_forget
DELETE FROM unused_results

-- By state: results, tokens, what carrying them cost, later calls without a price.
-- name: unused_states
SELECT state, count(*), sum(tokens), sum(carried_pusd), sum(calls_unpriced)
FROM unused_results GROUP BY state ORDER BY state

-- Results of the cases in case_costs, seen or not. $1 workflow, $2 as of.
-- name: unused_count
SELECT count(*), coalesce(sum((result_bytes + 2) // 4), 0)
FROM steps SEMI JOIN case_costs USING (case_key)
WHERE kind IN (1, 2) AND result_bytes > 0 AND ($1 = '' OR workflow = $1)
  AND ($2 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $2)

-- ============================================================ variance: replicates

-- What attempts at the same work cost. One row an attempt of a case in case_costs of workflow $2;
-- the work is the input key, or the case where it has none. $1 as of (ns); $3, $4 an attribute the
-- case must have ('' for any case).
-- name: variance_create
CREATE OR REPLACE TEMP TABLE variance_attempts AS
WITH chosen AS (
  SELECT c.case_key, k.input_key, c.state
  FROM case_costs c JOIN cases k USING (case_key)
  WHERE c.workflow = $2 AND c.state < 3
    AND (c.attempts > 1 OR k.input_key IS NOT NULL) -- others are compared with nothing
    AND ($3 = '' OR c.case_key IN (SELECT case_key FROM case_attributes
                                   WHERE name = $3 AND value = $4))
), cost AS (
  SELECT attempt_key, sum(cost_pusd) AS cost_pusd, max(cost_basis) = 3 AS unpriced
  FROM steps SEMI JOIN chosen USING (case_key)
  WHERE ($1 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $1)
    AND workflow IN ('', $2)
  GROUP BY attempt_key
)
SELECT a.case_key, s.input_key,
       CASE WHEN s.input_key IS NULL THEN a.case_key ELSE 0 END AS lone_key, s.state,
       coalesce(c.cost_pusd, 0) AS cost_pusd, coalesce(c.unpriced, false) AS unpriced
FROM attempts a JOIN chosen s USING (case_key) LEFT JOIN cost c USING (attempt_key)
WHERE c.attempt_key IS NOT NULL OR $1 = 9223372036854775807

-- How many cases of workflow $1 with attribute $2 = $3 ('' for all), how many of them are open, and
-- how many are named by a session.
-- name: variance_cases
SELECT count(*), sum(CASE WHEN state = 2 THEN 1 ELSE 0 END),
       sum(CASE WHEN named_by = 1 THEN 1 ELSE 0 END)
FROM case_costs
WHERE workflow = $1 AND state < 3
  AND ($2 = '' OR case_key IN (SELECT case_key FROM case_attributes
                               WHERE name = $2 AND value = $3))

-- Groups of two attempts and more. $1 = 0: attempts at the same work; 1: of the same case. usable:
-- every attempt has a price, and none cost nothing.
-- name: variance_group
CREATE OR REPLACE TEMP TABLE variance_groups AS
WITH cased AS (
  SELECT CASE WHEN $1 = 0 THEN input_key END AS input_key,
         CASE WHEN $1 = 0 THEN lone_key ELSE case_key END AS lone_key, state,
         count(*) AS attempts, min(cost_pusd) AS least_pusd, max(cost_pusd) AS most_pusd,
         sum(CASE WHEN unpriced THEN 1 ELSE 0 END) AS unpriced,
         sum(CASE WHEN cost_pusd <= 0 AND NOT unpriced THEN 1 ELSE 0 END) AS free
  FROM variance_attempts GROUP BY 1, 2, 3, case_key
), grouped AS (
  SELECT input_key, lone_key, sum(attempts) AS attempts, count(*) AS cases,
         sum(CASE WHEN state = 0 THEN 1 ELSE 0 END) AS resolved, min(least_pusd) AS least_pusd,
         max(most_pusd) AS most_pusd, sum(unpriced) AS unpriced, sum(free) AS free,
         sum(unpriced) + sum(free) = 0 AS usable
  FROM cased GROUP BY input_key, lone_key HAVING sum(attempts) > 1
), tails AS (
  SELECT g.input_key, g.lone_key,
         quantile_cont(CAST(a.cost_pusd AS DOUBLE), [0.1, 0.9]) AS tail
  FROM variance_attempts a JOIN grouped g
    ON g.lone_key = CASE WHEN $1 = 0 THEN a.lone_key ELSE a.case_key END
       AND g.input_key IS NOT DISTINCT FROM CASE WHEN $1 = 0 THEN a.input_key END
  WHERE g.usable GROUP BY g.input_key, g.lone_key
)
SELECT g.*,
       CASE WHEN usable THEN CAST(most_pusd AS DOUBLE) / CAST(least_pusd AS DOUBLE) END AS spread,
       t.tail[2] / t.tail[1] AS tail_spread
FROM grouped g LEFT JOIN tails t
  ON g.lone_key = t.lone_key AND g.input_key IS NOT DISTINCT FROM t.input_key

-- $1: the ratio from which a group is flagged.
-- name: variance_totals
SELECT count(*), coalesce(sum(attempts), 0), sum(CASE WHEN usable THEN 1 ELSE 0 END),
       sum(CASE WHEN usable THEN attempts ELSE 0 END),
       sum(CASE WHEN unpriced > 0 THEN 1 ELSE 0 END),
       sum(CASE WHEN unpriced = 0 AND free > 0 THEN 1 ELSE 0 END),
       sum(CASE WHEN usable AND most_pusd >= $1 * least_pusd THEN 1 ELSE 0 END),
       sum(CASE WHEN input_key IS NOT NULL THEN 1 ELSE 0 END)
FROM variance_groups

-- The ratios at four places (from 1) of their ascending order: max/min, then p90/p10.
-- name: variance_ranks
SELECT 0, place, ratio
FROM (SELECT spread AS ratio, row_number() OVER (ORDER BY spread) AS place
      FROM variance_groups WHERE usable)
WHERE place IN ($1, $2, $3, $4)
UNION ALL
SELECT 1, place, ratio
FROM (SELECT tail_spread AS ratio, row_number() OVER (ORDER BY tail_spread) AS place
      FROM variance_groups WHERE usable)
WHERE place IN ($1, $2, $3, $4)
ORDER BY 1, 2

-- The $1 groups of the widest spread.
-- name: variance_worst
SELECT g.input_key, c.case_id, g.attempts, g.cases, g.resolved, g.least_pusd, g.most_pusd,
       g.spread, g.tail_spread
FROM (SELECT * FROM variance_groups WHERE usable
      ORDER BY spread DESC, most_pusd DESC, input_key, lone_key LIMIT $1) g
     LEFT JOIN cases c ON c.case_key = g.lone_key AND g.input_key IS NULL
ORDER BY g.spread DESC, g.most_pusd DESC, g.input_key, g.lone_key

-- Closed cases that share an input key: how many keys have so many of them, so many resolved.
-- name: variance_trials
SELECT trials, resolved, count(*) AS keys
FROM (SELECT count(*) AS trials, sum(CASE WHEN state = 0 THEN 1 ELSE 0 END) AS resolved
      FROM (SELECT DISTINCT case_key, input_key, state FROM variance_attempts
            WHERE input_key IS NOT NULL AND state < 2)
      GROUP BY input_key HAVING count(*) > 1)
GROUP BY trials, resolved ORDER BY trials, resolved

-- ============================================================ utility: cap replay

-- economics.md section 5. One row a closed case of workflow $1: what it spent until its end (a
-- resolved one: until its first resolution) and in all, and by how many attempts it ended.
-- group_key: cases that are resampled together; $2 groups, or 0: each case alone.
-- name: utility_create
CREATE OR REPLACE TEMP TABLE utility_cases AS
SELECT case_key, state = 0 AS resolved, agent_pusd AS spend_pusd,
       CASE WHEN state = 0 THEN before_pusd ELSE agent_pusd END AS ended_pusd,
       CASE WHEN state = 0 THEN value_pusd END AS value_pusd,
       state = 0 AND value_recorded AS value_recorded,
       CASE WHEN state = 0 THEN attempts_before ELSE attempts END AS tries, last_pusd,
       attempts = attempts_before OR state = 0 AS last_is_end,
       CASE WHEN $2 > 0 THEN case_key % CAST($2 AS UBIGINT) ELSE case_key END AS group_key
FROM case_costs WHERE workflow = $1 AND state < 2

-- How many closed cases of workflow $1, and beside them the open ones.
-- name: utility_counts
SELECT sum(CASE WHEN state < 2 THEN 1 ELSE 0 END), sum(CASE WHEN state = 2 THEN 1 ELSE 0 END),
       sum(CASE WHEN state = 2 THEN agent_pusd ELSE 0 END),
       sum(CASE WHEN state < 3 AND named_by = 1 THEN 1 ELSE 0 END)
FROM case_costs WHERE workflow = $1

-- $1: a cap that was in force, or NULL.
-- name: utility_totals
SELECT sum(CASE WHEN resolved THEN 1 ELSE 0 END), sum(spend_pusd),
       sum(CAST(value_pusd AS HUGEINT)), count(value_pusd),
       sum(CASE WHEN value_recorded THEN 1 ELSE 0 END), max(spend_pusd), max(tries),
       sum(CASE WHEN spend_pusd >= $1 THEN 1 ELSE 0 END)
FROM utility_cases

-- Closed cases with a call whose price is unknown. $1 as of (ns), $2 workflow.
-- name: utility_unpriced
SELECT count(*) FROM utility_cases WHERE case_key IN (
  SELECT case_key FROM steps
  WHERE cost_basis = 3 AND workflow IN ('', $2)
    AND ($1 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $1))

-- Every amount at which a case ended or stood at its end, when they are few: at most $1 rows.
-- name: utility_spends
SELECT DISTINCT at_pusd
FROM (SELECT ended_pusd AS at_pusd FROM utility_cases
      UNION ALL
      SELECT spend_pusd FROM utility_cases WHERE spend_pusd > ended_pusd)
ORDER BY at_pusd LIMIT $1

-- The spends at which these shares of the cases had ended, closer at the dear end.
-- name: utility_quantiles
SELECT DISTINCT unnest(quantile_disc(ended_pusd, [
  0.00, 0.03, 0.06, 0.09, 0.12, 0.15, 0.18, 0.21, 0.24, 0.27, 0.30, 0.33, 0.36, 0.39, 0.42, 0.45,
  0.48, 0.51, 0.54, 0.57, 0.60, 0.63, 0.66, 0.69, 0.72, 0.75, 0.78, 0.81, 0.84, 0.87, 0.90, 0.92,
  0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 0.999, 1.00])) AS at_pusd
FROM utility_cases ORDER BY at_pusd

-- fragment: utility_spent
caps AS (
  SELECT unnest(CAST(string_split($1, ',') AS HUGEINT[])) AS cap_pusd
), spent AS (
  SELECT group_key, ended_pusd AS at_pusd, 1 AS ended, CASE WHEN resolved THEN 1 ELSE 0 END
           AS resolved, CAST(coalesce(value_pusd, 0) AS HUGEINT) AS value_pusd,
         CASE WHEN spend_pusd = ended_pusd THEN 1 ELSE 0 END AS spent,
         CASE WHEN spend_pusd = ended_pusd THEN spend_pusd ELSE 0 END AS spent_pusd
  FROM utility_cases
  UNION ALL -- what was spent after the end
  SELECT group_key, spend_pusd, 0, 0, 0, 1, spend_pusd
  FROM utility_cases WHERE spend_pusd <> ended_pusd
)

-- Sums between caps $1 (p$, between commas): what lies above the one before and up to this one.
-- name: utility_buckets
WITH
{utility_spent}
SELECT c.cap_pusd, sum(ended), sum(resolved), sum(value_pusd), sum(spent), sum(spent_pusd)
FROM spent s ASOF JOIN caps c ON s.at_pusd <= c.cap_pusd
GROUP BY c.cap_pusd ORDER BY c.cap_pusd

-- The same for each group of cases, in a fixed order.
-- name: utility_groups
WITH
{utility_spent}
SELECT s.group_key, c.cap_pusd, sum(ended), sum(resolved), sum(value_pusd), sum(spent),
       sum(spent_pusd)
FROM spent s ASOF JOIN caps c ON s.at_pusd <= c.cap_pusd
GROUP BY s.group_key, c.cap_pusd ORDER BY s.group_key, c.cap_pusd

-- Where spend reaches nine tenths of what it is at cap $1 (NULL: without one): the cases that end
-- below that spent this much in all, and so many spend more; then the nine tenths.
-- name: utility_decile
WITH spent AS (
  SELECT least(spend_pusd, coalesce(CAST($1 AS HUGEINT), spend_pusd)) AS at_pusd
  FROM utility_cases
), level AS (
  SELECT at_pusd, count(*) AS cases, sum(at_pusd) AS all_pusd FROM spent GROUP BY at_pusd
), rising AS (
  SELECT *, sum(cases) OVER below AS cases_below, sum(all_pusd) OVER below AS below_pusd
  FROM level WINDOW below AS (ORDER BY at_pusd ROWS UNBOUNDED PRECEDING)
), whole AS (
  SELECT count(*) AS cases, (9 * sum(at_pusd) + 9) // 10 AS target_pusd FROM spent
)
SELECT r.below_pusd - r.all_pusd, w.cases - r.cases_below + r.cases, w.target_pusd
FROM rising r, whole w
WHERE r.below_pusd + r.at_pusd * (w.cases - r.cases_below) >= w.target_pusd
ORDER BY r.at_pusd LIMIT 1

-- Attempts until the end of their case, by number: how many, their cost, how many cases ended with
-- that one, resolved, their value. $1 as of (ns), $2 workflow, $3 the number at which the rest is
-- taken together. Of one attempt or two the costs are known already; steps are asked for the rest.
-- name: utility_attempts
WITH long AS (
  SELECT case_key, tries FROM utility_cases WHERE tries > 2 OR tries = 2 AND NOT last_is_end
), cost AS (
  SELECT attempt_key, min(started_ns) AS started_ns, sum(cost_pusd) AS cost_pusd
  FROM steps SEMI JOIN long USING (case_key)
  WHERE ($1 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $1)
    AND workflow IN ('', $2)
  GROUP BY attempt_key
), placed AS ( -- as in costs_create: the source's number, else time; then the key
  SELECT l.tries, coalesce(c.cost_pusd, 0) AS cost_pusd,
         row_number() OVER (PARTITION BY a.case_key ORDER BY
           CAST(CASE WHEN a.number > 0 THEN a.number ELSE coalesce(c.started_ns, 0) END AS HUGEINT)
             * 18446744073709551616 + a.attempt_key) AS number
  FROM attempts a JOIN long l USING (case_key) LEFT JOIN cost c USING (attempt_key)
  WHERE c.attempt_key IS NOT NULL OR $1 = 9223372036854775807
), tried AS (
  SELECT number, cost_pusd FROM placed WHERE number <= tries
  UNION ALL
  SELECT 1, CASE WHEN tries = 1 THEN ended_pusd ELSE ended_pusd - last_pusd END
  FROM utility_cases WHERE tries = 1 OR tries = 2 AND last_is_end
  UNION ALL
  SELECT 2, last_pusd FROM utility_cases WHERE tries = 2 AND last_is_end
), attempt AS (
  SELECT least(number, $3) AS number, count(*) AS attempts, sum(cost_pusd) AS cost_pusd
  FROM tried GROUP BY ALL
), ending AS (
  SELECT least(tries, $3) AS number, count(*) AS cases,
         sum(CASE WHEN resolved THEN 1 ELSE 0 END) AS resolved,
         sum(CAST(value_pusd AS HUGEINT)) AS value_pusd
  FROM utility_cases GROUP BY ALL
)
SELECT a.number, a.attempts, a.cost_pusd, coalesce(e.cases, 0), coalesce(e.resolved, 0),
       coalesce(e.value_pusd, 0)
FROM attempt a LEFT JOIN ending e USING (number) ORDER BY a.number

-- ============================================================ route

-- One row a case of workflow $2: its first attempt, and the second where the first did not resolve
-- the case. The model of an attempt is that of its model calls; of several, the one that took most
-- of its cost (then most calls, then the name). cost_pusd is all the attempt's steps cost, NULL
-- where a step has no price or nothing was reported (excluded 1 unpriced, 2 zero). $1 as of.
-- Names are carried as their hashes, which are faster to group by.
-- name: route_create
CREATE OR REPLACE TEMP TABLE route_cases AS
WITH names AS (
  SELECT hash(model) AS code, min(model) AS model
  FROM (SELECT DISTINCT model FROM steps WHERE kind = 0 AND model IS NOT NULL)
  GROUP BY hash(model)
), spent AS (
  SELECT attempt_key, min(started_ns) AS started_ns, sum(cost_pusd) AS cost_pusd,
         max(cost_basis) AS basis,
         bit_or(CASE WHEN kind = 0 AND model IS NOT NULL THEN hash(model) END) AS code,
         bit_and(CASE WHEN kind = 0 AND model IS NOT NULL THEN hash(model) END) AS code_all
  FROM steps
  WHERE ($1 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $1)
    AND workflow IN ('', $2)
  GROUP BY attempt_key
), tried AS (
  SELECT c.case_key, c.attempts, a.attempt_key, s.code, s.code_all, s.cost_pusd, s.basis,
         CAST(CASE WHEN a.number > 0 THEN a.number ELSE coalesce(s.started_ns, 0) END AS HUGEINT)
           * 18446744073709551616 + a.attempt_key AS place
  FROM attempts a JOIN case_costs c USING (case_key) LEFT JOIN spent s USING (attempt_key)
  WHERE c.workflow = $2 AND c.state < 3
    AND (s.attempt_key IS NOT NULL OR $1 = 9223372036854775807)
), numbered AS (
  SELECT case_key, attempt_key, code, code_all, cost_pusd, basis, 1 AS number
  FROM tried WHERE attempts = 1
  UNION ALL
  SELECT case_key, attempt_key, code, code_all, cost_pusd, basis,
         row_number() OVER (PARTITION BY case_key ORDER BY place)
  FROM tried WHERE attempts > 1
  QUALIFY row_number() OVER (PARTITION BY case_key ORDER BY place) < 3
), mixed AS (
  SELECT attempt_key, code
  FROM (SELECT s.attempt_key, s.model, hash(s.model) AS code, sum(s.cost_pusd) AS cost_pusd,
               count(*) AS calls
        FROM steps s SEMI JOIN (SELECT attempt_key FROM numbered WHERE code <> code_all)
             USING (attempt_key)
        WHERE s.kind = 0 AND s.model IS NOT NULL
          AND ($1 = 9223372036854775807 OR s.started_ns IS NULL OR s.started_ns <= $1)
        GROUP BY s.attempt_key, s.model)
  QUALIFY row_number() OVER (PARTITION BY attempt_key
            ORDER BY coalesce(cost_pusd, 0) DESC, calls DESC, model) = 1
), known AS (
  SELECT n.case_key, n.number, coalesce(m.code, n.code) AS code, n.code <> n.code_all AS mixed,
         CASE WHEN n.basis = 3 THEN 1 WHEN coalesce(n.cost_pusd, 0) <= 0 THEN 2 ELSE 0 END
           AS excluded,
         CASE WHEN n.basis < 3 AND n.cost_pusd > 0 THEN n.cost_pusd END AS cost_pusd
  FROM numbered n LEFT JOIN mixed m USING (attempt_key)
)
SELECT f.case_key, coalesce(fm.model, '') AS model, coalesce(f.mixed, false) AS mixed,
       f.excluded, c.state < 2 AS closed, c.state = 0 AND c.attempts_before = 1 AS succeeded,
       CASE WHEN c.state < 2 THEN f.cost_pusd END AS cost_pusd,
       CASE WHEN c.state = 0 AND c.attempts_before = 1 THEN f.cost_pusd END AS success_pusd,
       CASE WHEN c.state < 2 AND f.cost_pusd IS NOT NULL -- least() passes over NULL
            THEN CAST(pow(least(f.cost_pusd, 1000000000000000000) / 1e3, 2) AS HUGEINT) END
         AS squares,
       c.began_ns, CASE WHEN c.attempts_before > 1 THEN sm.model END AS second_model,
       s.cost_pusd AS second_pusd, c.state = 0 AND c.attempts_before = 2 AS second_succeeded
FROM known f JOIN case_costs c USING (case_key) LEFT JOIN names fm ON fm.code = f.code
     LEFT JOIN (SELECT * FROM known WHERE number = 2) s USING (case_key)
     LEFT JOIN names sm ON sm.code = s.code
WHERE f.number = 1

-- When the dated cases began.
-- name: route_span
SELECT min(began_ns), max(began_ns), count(*), count(began_ns) FROM route_cases

-- What an arm of a comparison is: closed first attempts, how many succeeded, and of those whose
-- cost is known the sums; squares in 1e-18 USD^2.
-- fragment: route_arm
       count_if(closed), count_if(succeeded), count(cost_pusd), count(success_pusd),
       coalesce(sum(cost_pusd), 0), coalesce(sum(success_pusd), 0), coalesce(sum(squares), 0)

-- Models by first attempts. $1: from when on a case counts as recent.
-- name: route_models
SELECT model,
{route_arm}
       , count(*), count_if(mixed), count_if(closed AND excluded = 1),
       count_if(closed AND excluded = 2), count_if(began_ns >= $1), min(began_ns), max(began_ns)
FROM route_cases GROUP BY model ORDER BY count(*) DESC, model LIMIT $2

-- Closed first attempts of the models with few of them, in a fixed order: cost and success.
-- $1: where either count is below it; $2: attempts at most.
-- name: route_few
SELECT model, CAST(cost_pusd AS DOUBLE) / 1e12, succeeded FROM route_cases
WHERE closed AND cost_pusd IS NOT NULL AND model IN (
  SELECT model FROM route_cases WHERE closed AND cost_pusd IS NOT NULL GROUP BY model
  HAVING count(*) <= $2 AND (count(*) < $1 OR count_if(succeeded) < $1))
ORDER BY model, case_key

-- Closed cases by attribute, value and model, and how many succeeded; a case without the attribute
-- is in none.
-- name: route_values_create
CREATE OR REPLACE TEMP TABLE route_values AS
SELECT name, value, model, count(*) AS cases, count_if(succeeded) AS successes
FROM case_attributes JOIN (SELECT case_key, model, succeeded FROM route_cases WHERE closed)
     USING (case_key)
GROUP BY name, value, model

-- Attributes with more than $1 values, which cannot be told apart.
-- name: route_attributes_wide
SELECT name FROM route_values GROUP BY name HAVING count(DISTINCT value) > $1 ORDER BY name LIMIT 50

-- name: route_attributes
SELECT * FROM route_values
WHERE name NOT IN (SELECT name FROM route_values GROUP BY name HAVING count(DISTINCT value) > $1)
ORDER BY name, value, model LIMIT $2

-- The arms of the values of attribute $1.
-- name: route_attribute_arms
SELECT value, model,
{route_arm}
FROM (SELECT case_key, value FROM case_attributes WHERE name = $1)
     JOIN route_cases USING (case_key)
WHERE closed
GROUP BY value, model ORDER BY value, model

-- Cells of up to four attributes, $1 to $4 ('': not used), and models in them. A case without an
-- attribute has the value ''.
-- name: route_strata
WITH placed AS (
  SELECT case_key, max(CASE WHEN name = $1 THEN value END) AS a,
         max(CASE WHEN name = $2 THEN value END) AS b, max(CASE WHEN name = $3 THEN value END) AS c,
         max(CASE WHEN name = $4 THEN value END) AS d
  FROM case_attributes WHERE name IN ($1, $2, $3, $4) GROUP BY case_key
)
SELECT coalesce(a, ''), coalesce(b, ''), coalesce(c, ''), coalesce(d, ''), model,
{route_arm}
FROM route_cases LEFT JOIN placed USING (case_key)
WHERE closed
GROUP BY ALL ORDER BY 1, 2, 3, 4, 5 LIMIT $5

-- Input keys that more than one model worked on: trials of each model.
-- name: route_keys_create
CREATE OR REPLACE TEMP TABLE route_keys AS
SELECT * FROM (
  SELECT c.input_key, r.model, count(*) AS trials, count_if(succeeded) AS successes,
         count(cost_pusd) AS costed, sum(CAST(cost_pusd AS HUGEINT)) AS cost_pusd
  FROM route_cases r JOIN cases c USING (case_key)
  WHERE closed AND c.input_key <> '' GROUP BY c.input_key, r.model)
QUALIFY count(*) OVER (PARTITION BY input_key) > 1

-- Each model against $1 on the input keys both worked on. A key counts once: the products of the
-- shares of trials that succeeded, in 1e-12, and of mean costs. Squares in 1e-18 USD^2.
-- name: route_pairs
SELECT model, count(*), sum(trials), sum(reference_trials), sum(successes), sum(reference_successes),
       sum(successes * reference_successes * unit // (trials * reference_trials)),
       sum(successes * (reference_trials - reference_successes) * unit
           // (trials * reference_trials)),
       sum((trials - successes) * reference_successes * unit // (trials * reference_trials)),
       count(cost), coalesce(sum(CASE WHEN cost IS NOT NULL THEN mean_pusd END), 0),
       coalesce(sum(CASE WHEN cost IS NOT NULL THEN reference_pusd END), 0),
       coalesce(sum(CAST(cost * cost AS HUGEINT)), 0)
FROM (SELECT k.model, k.trials, k.successes, r.trials AS reference_trials,
             r.successes AS reference_successes, CAST(1000000000000 AS HUGEINT) AS unit,
             k.cost_pusd // k.costed AS mean_pusd, r.cost_pusd // r.costed AS reference_pusd,
             CASE WHEN k.costed > 0 AND r.costed > 0
                  THEN CAST(k.cost_pusd // k.costed - r.cost_pusd // r.costed AS DOUBLE) / 1e3
             END AS cost
      FROM route_keys k JOIN route_keys r ON r.input_key = k.input_key AND r.model = $1
      WHERE k.model <> $1)
GROUP BY model ORDER BY model

-- Trials by input key for cascades, over $1 keys at most, which their hash chooses.
-- name: route_trials
WITH chosen AS (
  SELECT input_key, row_number() OVER (ORDER BY hash(input_key), input_key) - 1 AS place,
         count(*) OVER () AS keys
  FROM (SELECT DISTINCT input_key FROM route_keys)
)
SELECT place, model, CAST(successes AS DOUBLE) / trials,
       CASE WHEN costed > 0 THEN CAST(cost_pusd // costed AS DOUBLE) / 1e12 END, keys
FROM route_keys JOIN chosen USING (input_key) WHERE place < $1 ORDER BY place, model

-- Models whose failed first attempts another model took up, and how often.
-- name: route_escalations
SELECT model, second_model, count(*),
       (SELECT count(*) FROM route_cases a WHERE a.closed AND a.model = r.model)
FROM route_cases r
WHERE closed AND NOT succeeded AND second_model <> model AND second_model <> '' AND model <> ''
  AND cost_pusd IS NOT NULL AND second_pusd IS NOT NULL
GROUP BY model, second_model ORDER BY count(*) DESC, model, second_model LIMIT 8

-- Closed cases of first model $1, in a fixed order: its cost and success, and those of the second
-- attempt where it was by $2. Every $3rd by the hash of its key.
-- name: route_escalated
SELECT CAST(cost_pusd AS DOUBLE) / 1e12, succeeded, CAST(second_pusd AS DOUBLE) / 1e12,
       second_succeeded, NOT succeeded AND coalesce(second_model = $2, false)
         AND second_pusd IS NOT NULL
FROM route_cases
WHERE closed AND model = $1 AND cost_pusd IS NOT NULL AND hash(case_key) % $3 = 0
ORDER BY case_key LIMIT 4096

-- ============================================================ segments

-- Closed cases of workflow $1, each in one of two halves by its key, $2 being the seed. The key is
-- a hash already; the multiplication (Park and Miller's) makes the halves of another seed others.
-- name: segments_closed
CREATE OR REPLACE TEMP TABLE segment_closed AS
SELECT case_key, CAST((case_key % 2147483647 + $2) * 48271 % 2147483647 // 65536 % 2 AS BIGINT)
         AS half,
       CAST(state = 0 AS BIGINT) AS resolved,
       CAST(state = 0 AND attempts_before = 1 AS BIGINT) AS first_success,
       CAST(attempts AS BIGINT) AS attempts, agent_pusd, human_pusd + correction_pusd AS people_pusd,
       CAST(human_ms AS HUGEINT) AS human_ms,
       CAST(agent_pusd + human_pusd + correction_pusd AS DOUBLE) / 1e12 AS cost_usd,
       CAST(named_by = 1 AS BIGINT) AS by_session
FROM case_costs WHERE workflow = $1 AND state < 2

-- name: segments_totals
SELECT count(*), coalesce(sum(resolved), 0), coalesce(sum(by_session), 0),
       coalesce(max(abs(cost_usd)), 0.0)
FROM segment_closed

-- x: the value as a number, where it is one.
-- name: segments_values
CREATE OR REPLACE TEMP TABLE segment_values AS
SELECT name, value, cases,
       CASE WHEN isfinite(TRY_CAST(value AS DOUBLE)) THEN TRY_CAST(value AS DOUBLE) END AS x
FROM (SELECT name, value, count(*) AS cases
      FROM case_attributes SEMI JOIN segment_closed USING (case_key) GROUP BY name, value)

-- Attributes, the most complete first: how many values it has, how many cases have it, how many of
-- the values are numbers and how many whole ones; how many attributes there are. At most $1.
-- name: segments_attributes
SELECT name, count(*), sum(cases), count(x), coalesce(sum(CASE WHEN x = floor(x) THEN 1 ELSE 0 END), 0),
       count(*) OVER ()
FROM segment_values GROUP BY name ORDER BY sum(cases) DESC, name LIMIT $1

-- name: segments_chosen_create
CREATE OR REPLACE TEMP TABLE segment_attributes (name VARCHAR, slot BIGINT, is_number BOOLEAN)

-- name: segments_chosen_add
INSERT INTO segment_attributes VALUES ($1, $2, $3 <> 0)

-- Thresholds of numeric attributes: the least value that more than this per cent of the cases are
-- at or below.
-- name: segments_cuts_create
CREATE OR REPLACE TEMP TABLE segment_cuts AS
WITH reached AS (
  SELECT a.slot, v.x, sum(v.cases) OVER (PARTITION BY a.slot ORDER BY v.x) AS cases,
         sum(v.cases) OVER (PARTITION BY a.slot) AS total
  FROM segment_values v JOIN segment_attributes a USING (name) WHERE a.is_number
), cuts AS (
  SELECT slot, per_cent, min(CASE WHEN cases * 100 > total * per_cent THEN x END) AS x
  FROM reached, (VALUES (25), (50), (75), (90)) q(per_cent) GROUP BY slot, per_cent
)
SELECT DISTINCT slot, x FROM cuts

-- name: segments_cuts
SELECT slot, x FROM segment_cuts ORDER BY slot, x

-- Each value's code of four bits. 1 to 12: the values that most cases have, those of $1 cases and
-- more; 13: any other; of numbers one more than the thresholds they reach. 0 is left for no value.
-- name: segments_codes_create
CREATE OR REPLACE TEMP TABLE segment_codes AS
WITH placed AS (
  SELECT a.slot, a.is_number, v.name, v.value, v.cases, v.x,
         row_number() OVER (PARTITION BY v.name ORDER BY v.cases DESC, v.value) AS place
  FROM segment_values v JOIN segment_attributes a USING (name)
), coded AS (
  SELECT slot, name, value, cases,
         CAST(CASE WHEN is_number
                   THEN 1 + (SELECT count(*) FROM segment_cuts c
                             WHERE c.slot = placed.slot AND c.x <= placed.x)
                   WHEN place <= 12 AND cases >= $1 THEN place ELSE 13 END AS BIGINT) AS code
  FROM placed
)
SELECT *, CASE WHEN slot < 12 THEN code << (slot * 4) ELSE 0 END AS low,
       CASE WHEN slot < 12 THEN 0 ELSE code << ((slot - 12) * 4) END AS high
FROM coded

-- name: segments_codes
SELECT slot, code, min(value), sum(cases), count(*)
FROM segment_codes GROUP BY slot, code ORDER BY slot, code

-- One row a case: its codes in two words of twelve attributes; in the first also the half (bit 48)
-- and whether it is resolved (bit 49). Cost in whole units of 1/$1 USD below 2^31, so that sums of
-- squares are whole numbers and their order cannot change them. members: bit k, of segment k.
-- name: segments_cases
CREATE OR REPLACE TEMP TABLE segment_cases AS
SELECT c.* EXCLUDE (cost_usd, by_session), CAST(0 AS BIGINT) AS members,
       coalesce(a.low, 0) | (half << 48) | (resolved << 49) AS low, coalesce(a.high, 0) AS high,
       CAST(round(cost_usd * $1) AS BIGINT) AS cost,
       CAST(round(cost_usd * $1) AS BIGINT) * CAST(round(cost_usd * $1) AS BIGINT) AS square
FROM segment_closed c LEFT JOIN (
  SELECT case_key, bit_or(low) AS low, bit_or(high) AS high
  FROM case_attributes JOIN segment_codes USING (name, value) GROUP BY case_key) a USING (case_key)

-- Cases by the codes of some attributes, the bits of $1 and $2, without those of segments found.
-- name: segments_cells
SELECT low_key, high_key, count(*), sum(cost), sum(square)
FROM (SELECT low & CAST($1 AS BIGINT) AS low_key, high & CAST($2 AS BIGINT) AS high_key, cost, square
      FROM segment_cases WHERE members = 0)
GROUP BY low_key, high_key

-- Cases that a rule holds for become members of segment $1 (a bit). Each of its three tests is the
-- word and shift of an attribute, and the codes from and to.
-- name: segments_mark
UPDATE segment_cases SET members = members | CAST($1 AS BIGINT)
WHERE ((CASE WHEN CAST($2 AS BIGINT) = 0 THEN low ELSE high END >> CAST($3 AS BIGINT)) & 15)
        BETWEEN $4 AND $5
  AND ((CASE WHEN CAST($6 AS BIGINT) = 0 THEN low ELSE high END >> CAST($7 AS BIGINT)) & 15)
        BETWEEN $8 AND $9
  AND ((CASE WHEN CAST($10 AS BIGINT) = 0 THEN low ELSE high END >> CAST($11 AS BIGINT)) & 15)
        BETWEEN $12 AND $13

-- name: segments_found
SELECT members, half, first_success, count(*), sum(resolved), sum(attempts), sum(agent_pusd),
       sum(people_pusd), sum(human_ms), sum(cost), sum(square), sum(cost * resolved)
FROM segment_cases GROUP BY members, half, first_success ORDER BY members, half, first_success

-- Cases of segment $1 (a bit; of the rest when $2 is 0) in the confirmation half, in a fixed order.
-- name: segments_sample
SELECT CAST(agent_pusd + people_pusd AS DOUBLE) / 1e12, resolved
FROM segment_cases WHERE half = 1 AND ((members & CAST($1 AS BIGINT)) <> 0) = ($2 <> 0)
ORDER BY case_key

-- Model calls of the confirmation half. $1 workflow, $2 as of (ns).
-- name: segments_models
SELECT members, first_success, coalesce(model, ''), count(*), coalesce(sum(cost_pusd), 0),
       sum(input_uncached), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(input_audio),
       sum(input_image)
FROM steps JOIN (SELECT case_key, members, first_success FROM segment_cases WHERE half = 1)
     USING (case_key)
WHERE kind = 0 AND workflow = $1
  AND ($2 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $2)
GROUP BY members, first_success, coalesce(model, '')
ORDER BY members, first_success, coalesce(model, '')

-- Model calls whose price is not known. $1 workflow, $2 as of (ns).
-- name: segments_unpriced
SELECT count(*) FROM steps SEMI JOIN segment_closed USING (case_key)
WHERE cost_basis = 3 AND workflow = $1
  AND ($2 = 9223372036854775807 OR started_ns IS NULL OR started_ns <= $2)

-- Calls of some cases of the confirmation half, to find what a token of each class cost. $1
-- workflow, $2 cases, $3 calls at most.
-- name: segments_calls
SELECT coalesce(model, ''), CAST(cost_pusd AS DOUBLE) / 1e12, input_uncached, cache_read,
       cache_write_5m, cache_write_1h, output
FROM steps SEMI JOIN (SELECT case_key FROM segment_cases WHERE half = 1 ORDER BY case_key LIMIT $2)
     USING (case_key)
WHERE kind = 0 AND workflow = $1 AND cost_basis IN (1, 2)
  AND input_audio + input_image + output_audio + web_searches = 0
ORDER BY step_key LIMIT $3

-- ============================================================ change: business figures over time

-- A ledger that an older version made and nothing was added to since has no such table.
-- name: kpis_exist
SELECT count(*) FROM duckdb_tables() WHERE table_name = 'kpis' AND NOT temporary

-- The times of a series differ, so arg_max has no ties.
-- name: kpis_list
SELECT workflow, name, series, min(unit), count(*), min(at_ns), max(at_ns), arg_max(value, at_ns)
FROM kpis GROUP BY workflow, name, series ORDER BY workflow, name, series

-- Figures of workflow $1 and of the whole company, of the name $2 ('' any).
-- name: change_values
SELECT workflow, name, series, unit, at_ns, value
FROM kpis WHERE workflow IN ($1, '') AND ($2 = '' OR name = $2)
ORDER BY workflow DESC, name, series, at_ns

-- name: change_first_case
SELECT min(started_ns) FROM steps WHERE workflow = $1

-- ============================================================ forecast

-- Days are those of the call, UTC, in integers: a double rounds the last instants into the next.
-- fragment: day_of_step
CAST(started_ns // 86400000000000 AS INTEGER)
  - CASE WHEN started_ns % 86400000000000 < 0 THEN 1 ELSE 0 END

-- When each workflow was first and last seen, $1 <= time < $2 and up to day $3, which is today: one
-- wrong clock ahead must not make the days before it into days without spend; and what of it has no
-- time.
-- name: forecast_spans
SELECT workflow, min(CASE WHEN day <= $3 THEN day END), max(CASE WHEN day <= $3 THEN day END),
       coalesce(sum(CASE WHEN day IS NULL THEN cost_pusd END), 0)
FROM (SELECT workflow, cost_pusd,
{day_of_step}
             AS day
      FROM steps WHERE started_ns IS NULL OR (started_ns >= $1 AND started_ns < $2))
GROUP BY workflow ORDER BY workflow

-- Spend and tokens put out by workflow and day, $1 <= time < $2, from day $3 on.
-- name: forecast_days
SELECT workflow, day, coalesce(sum(cost_pusd), 0), sum(CASE WHEN kind = 0 THEN output ELSE 0 END),
       sum(CASE WHEN kind = 0 THEN reasoning ELSE 0 END), count_if(cost_basis = 3)
FROM (SELECT workflow, kind, cost_pusd, output, reasoning, cost_basis,
{day_of_step}
             AS day
      FROM steps WHERE started_ns >= $1 AND started_ns < $2)
WHERE day >= $3 GROUP BY workflow, day ORDER BY workflow, day

-- ============================================================ credit along a chain

-- Who shares the credit; `place` is the bit of a coalition.
-- name: credit_players_create
CREATE OR REPLACE TEMP TABLE credit_players (place INTEGER, name VARCHAR)

-- name: credit_players_add
INSERT INTO credit_players VALUES ($1, $2)

-- Who took the steps of workflow $1, the dearest first. $2: 0 agents, 1 models, 2 tools. An agent is
-- a sub-agent where there are some, else the program.
-- name: credit_candidates
SELECT name, count(*) OVER () FROM (
  SELECT CASE $2 WHEN 0 THEN coalesce(s.agent, a.agent) WHEN 1 THEN s.model ELSE s.name END AS name,
         coalesce(sum(s.cost_pusd), 0) AS cost_pusd, count(*) AS steps
  FROM steps s JOIN attempts a USING (attempt_key)
  WHERE s.workflow = $1 AND ($2 <> 1 OR s.kind = 0) AND ($2 <> 2 OR s.kind IN (1, 2))
  GROUP BY 1)
WHERE coalesce(name, '') <> '' ORDER BY cost_pusd DESC, steps DESC, name LIMIT $3

-- One row a chain and player: several workflows that worked on a case of the same name. `began`
-- orders them; `failed`: the player's own case ended unresolved.
-- name: credit_parts_of_workflows
CREATE OR REPLACE TEMP TABLE credit_parts AS
SELECT c.case_id AS chain, p.place, CAST(coalesce(k.began_ns, 0) AS HUGEINT) AS began, k.state,
       CAST(k.agent_pusd + k.human_pusd + k.correction_pusd AS HUGEINT) AS cost_pusd,
       CASE WHEN k.state = 0 THEN k.value_pusd END AS value_pusd, k.state = 1 AS failed,
       coalesce(u.unpriced, 0) AS unpriced
FROM case_costs k JOIN cases c USING (case_key) JOIN credit_players p ON p.name = c.workflow
     LEFT JOIN (SELECT case_key, count(*) AS unpriced FROM steps WHERE cost_basis = 3
                GROUP BY case_key) u ON u.case_key = k.case_key
WHERE k.state < 3

-- What the players of a chain did after each: in failed cases, what the failure went on to cost.
-- name: credit_downstream_of_workflows
SELECT place, count(*), sum(cost_pusd), sum(later_pusd) FROM (
  SELECT *, coalesce(sum(cost_pusd) OVER (PARTITION BY chain ORDER BY began, place
              ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0) AS later_pusd
  FROM credit_parts)
WHERE failed GROUP BY place ORDER BY place

-- The same of one workflow's cases and those who took their steps. $1, $2 as above.
-- name: credit_parts_of_steps
CREATE OR REPLACE TEMP TABLE credit_parts AS
SELECT CAST(s.case_key AS VARCHAR) AS chain, p.place,
       min(CAST(coalesce(s.started_ns, 0) AS HUGEINT) * 1048576 + least(s.sequence, 1048575))
         AS began,
       min(k.state) AS state, CAST(coalesce(sum(s.cost_pusd), 0) AS HUGEINT) AS cost_pusd,
       CASE WHEN row_number() OVER (PARTITION BY s.case_key ORDER BY p.place) = 1
            THEN min(CASE WHEN k.state = 0 THEN k.value_pusd END) END AS value_pusd, -- once a case
       false AS failed,
       count_if(s.cost_basis = 3) AS unpriced
FROM steps s JOIN attempts a USING (attempt_key)
     JOIN case_costs k ON k.case_key = s.case_key
     JOIN credit_players p
       ON p.name = CASE $2 WHEN 0 THEN coalesce(s.agent, a.agent) WHEN 1 THEN s.model
                           ELSE s.name END
WHERE s.workflow = $1 AND k.state < 3 AND ($2 <> 1 OR s.kind = 0)
  AND ($2 <> 2 OR s.kind IN (1, 2))
GROUP BY s.case_key, p.place

-- Attempts that failed and who took part in them: how many, what the player spent in them, and what
-- the later attempts of the same cases cost.
-- name: credit_downstream_of_steps
WITH spent AS (
  SELECT attempt_key, min(started_ns) AS started_ns, coalesce(sum(cost_pusd), 0) AS cost_pusd
  FROM steps WHERE workflow = $1 GROUP BY attempt_key
), numbered AS (
  SELECT a.case_key, a.attempt_key, coalesce(s.cost_pusd, 0) AS cost_pusd,
         row_number() OVER (PARTITION BY a.case_key
           ORDER BY CASE WHEN a.number > 0 THEN a.number ELSE coalesce(s.started_ns, 0) END,
                    a.attempt_key) AS n
  FROM attempts a LEFT JOIN spent s USING (attempt_key) -- of no step: attempts_before counts them
), failed AS (
  SELECT v.attempt_key,
         coalesce(sum(v.cost_pusd) OVER (PARTITION BY v.case_key ORDER BY v.n
           ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0) AS later_pusd,
         k.state = 1 OR (k.state = 0 AND v.n < k.attempts_before) AS failed
  FROM numbered v JOIN case_costs k USING (case_key) WHERE k.state < 2
), took_part AS (
  SELECT p.place, f.attempt_key, min(f.later_pusd) AS later_pusd,
         coalesce(sum(s.cost_pusd), 0) AS cost_pusd
  FROM steps s JOIN failed f USING (attempt_key) JOIN attempts a USING (attempt_key)
       JOIN credit_players p
         ON p.name = CASE $2 WHEN 0 THEN coalesce(s.agent, a.agent) WHEN 1 THEN s.model
                             ELSE s.name END
  WHERE f.failed AND ($2 <> 1 OR s.kind = 0) AND ($2 <> 2 OR s.kind IN (1, 2))
  GROUP BY p.place, f.attempt_key
)
SELECT place, count(*), sum(cost_pusd), sum(later_pusd) FROM took_part GROUP BY place ORDER BY place

-- Chains by who was in them, who came first and last, and how they ended: as their last part did,
-- open when any part is. Value of their resolved parts.
-- name: credit_coalitions
SELECT members, first_place, last_place,
       CASE WHEN open THEN 2 ELSE last_state END AS state, count(*),
       sum(CAST(value_pusd AS HUGEINT)), count_if(last_state = 0 AND value_pusd IS NULL), sum(cost_pusd)
FROM (
  SELECT chain, sum(1 << place) AS members, arg_min(place, (began, place)) AS first_place,
         arg_max(place, (began, place)) AS last_place,
         arg_max(state, (began, place)) AS last_state, bool_or(state = 2) AS open,
         sum(value_pusd) AS value_pusd, sum(cost_pusd) AS cost_pusd
  FROM credit_parts GROUP BY chain)
GROUP BY ALL ORDER BY ALL

-- name: credit_player_costs
SELECT place, count(*), sum(cost_pusd), sum(unpriced) FROM credit_parts GROUP BY place ORDER BY place

-- ============================================================ verify

-- What each check finds wrong; no rows: it holds. The first column says where, for people.

-- name: verify_duplicate_steps
SELECT 'step ' || step_key || ' is there ' || count(*) || ' times'
FROM steps GROUP BY step_key HAVING count(*) > 1
UNION ALL
SELECT 'step ' || s.step_key || ' is there under its other name, too'
FROM steps s SEMI JOIN step_aliases a ON a.alias_key = s.step_key
LIMIT 5

-- name: verify_unbalanced
SELECT 'transaction ' || transaction_id
       || CASE WHEN sum(amount_pusd) <> 0 THEN ' is off by ' || sum(amount_pusd) || ' p$'
               ELSE ' has sides that name different days, workflows or providers' END
FROM postings GROUP BY transaction_id
HAVING sum(amount_pusd) <> 0 OR min(day) <> max(day) OR min(workflow) <> max(workflow)
    OR min(provider) <> max(provider) LIMIT 5

-- Steps are the sub-ledger: each import's costs, less what it replaced, are its postings. The day
-- is ledger_day() in integers: a double rounds the last instants of a day into the next.
-- name: verify_totals
WITH spent AS (
  SELECT import_id, started_ns, workflow, provider, cost_pusd FROM steps
  UNION ALL
  SELECT import_id, started_ns, workflow, provider, cost_pusd FROM superseded_steps
  UNION ALL
  SELECT superseded_by, started_ns, workflow, provider, -cost_pusd FROM superseded_steps
), sums AS (
  SELECT import_id,
         coalesce(CAST(started_ns // 86400000000000 AS INTEGER)
                  - CASE WHEN started_ns % 86400000000000 < 0 THEN 1 ELSE 0 END, -2147483648)
           AS day,
         workflow, coalesce(provider, 'unknown') AS provider, sum(cost_pusd) AS amount
  FROM spent WHERE cost_pusd IS NOT NULL GROUP BY ALL HAVING sum(cost_pusd) <> 0
), posted AS (
  SELECT import_id, day, workflow, provider, sum(amount_pusd) AS amount
  FROM postings WHERE account = 0 GROUP BY ALL
)
SELECT 'import ' || import_id || ', '
       || CASE WHEN day BETWEEN -110000 AND 110000
               THEN CAST(CAST(DATE '1970-01-01' + day AS DATE) AS VARCHAR) ELSE 'no day' END
       || ', workflow "' || workflow || '", ' || provider || ': steps cost '
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
UNION ALL
SELECT 'step ' || s.step_key || ' and its case name different workflows'
FROM steps s JOIN cases c USING (case_key) WHERE s.workflow <> c.workflow
UNION ALL
SELECT 'a text belongs to step ' || f.step_key || ', which is not there'
FROM fingerprints f ANTI JOIN steps s USING (step_key)
UNION ALL
SELECT 'a name belongs to step ' || a.step_key || ', which is not there'
FROM step_aliases a ANTI JOIN steps s USING (step_key)
UNION ALL
SELECT 'a meter''s scope belongs to step ' || o.step_key || ', which is not there'
FROM step_scopes o ANTI JOIN steps s USING (step_key)
LIMIT 5

-- Rows that were replaced stay under the import that brought them.
-- name: verify_imports
SELECT 'import ' || import_id || ' brought ' || coalesce(i.steps, 0) || ' steps, '
       || coalesce(s.steps, 0) || ' are there'
FROM (SELECT import_id, steps FROM imports) i
     FULL JOIN (SELECT import_id, count(*) AS steps
                FROM (SELECT import_id FROM steps UNION ALL SELECT import_id FROM superseded_steps)
                GROUP BY import_id) s USING (import_id)
WHERE coalesce(i.steps, 0) <> coalesce(s.steps, 0) LIMIT 5

-- name: verify_duplicate_names
SELECT 'case ' || any_value(case_id) || ' of ' || any_value(workflow) || ' is there ' || count(*)
       || ' times'
FROM cases GROUP BY case_key HAVING count(*) > 1
UNION ALL
SELECT 'attempt ' || any_value(attempt_id) || ' is there ' || count(*) || ' times'
FROM attempts GROUP BY attempt_key HAVING count(*) > 1
UNION ALL
SELECT 'outcome ' || any_value(outcome_id) || ' has the same revision ' || count(*) || ' times'
FROM outcomes GROUP BY outcome_key, revision HAVING count(*) > 1
UNION ALL
SELECT 'file ' || path || ' has ' || count(*) || ' positions'
FROM sources GROUP BY path HAVING count(*) > 1
UNION ALL
SELECT 'step ' || step_key || ' has the same text ' || count(*) || ' times'
FROM fingerprints GROUP BY step_key, role, text_hash HAVING count(*) > 1
UNION ALL
SELECT 'the name ' || alias_key || ' of a step is there ' || count(*) || ' times'
FROM step_aliases GROUP BY alias_key HAVING count(*) > 1
LIMIT 5

-- name: verify_decisions
SELECT 'a decision belongs to step ' || d.step_key || ', which is not there'
FROM decisions d ANTI JOIN steps s USING (step_key)
UNION ALL
SELECT 'step ' || step_key || ' has ' || count(*) || ' decisions'
FROM decisions GROUP BY step_key HAVING count(*) > 1
LIMIT 5

-- What the log of holds charged, against the rows of the calls, under whichever name they are kept.
-- A row that was priced anew (superseded by the gateway's own reading) was right when it was made.
-- Channel 0 is the gateway.
-- name: verify_settlements
WITH settled AS (
  SELECT s.*, coalesce(a.step_key, s.step_key) AS kept_key
  FROM staged_settlements s LEFT JOIN step_aliases a ON a.alias_key = s.step_key
), rows AS (
  SELECT step_key, cost_pusd, true AS is_live FROM steps
  WHERE channel = 0 AND step_key IN (SELECT kept_key FROM settled)
  UNION ALL
  SELECT step_key, cost_pusd, false FROM superseded_steps
  WHERE channel = 0 AND step_key IN (SELECT kept_key FROM settled)
)
SELECT 'call ' || identity || ': the budgets were charged ' || posted_pusd
       || ' p$, its record says ' || row_pusd || ' p$'
FROM settled WHERE posted_pusd <> row_pusd
UNION ALL
SELECT 'call ' || min(identity) || ' was charged ' || count(*) || ' times'
FROM settled WHERE posted_pusd IS NOT NULL GROUP BY kept_key HAVING count(*) > 1
UNION ALL
SELECT 'call ' || identity || ' is settled and not in the ledger'
FROM settled s WHERE is_waiting = 0
  AND NOT EXISTS (SELECT 1 FROM rows r WHERE r.step_key = s.kept_key AND r.is_live)
UNION ALL
SELECT 'call ' || s.identity || ': the budgets were charged ' || s.row_pusd
       || ' p$, the ledger says ' || coalesce(CAST(r.cost_pusd AS VARCHAR) || ' p$', 'nothing')
FROM settled s JOIN rows r ON r.step_key = s.kept_key AND r.is_live
WHERE s.row_pusd IS NOT NULL AND r.cost_pusd IS DISTINCT FROM s.row_pusd
  AND NOT EXISTS (SELECT 1 FROM rows o WHERE o.step_key = s.kept_key AND o.cost_pusd = s.row_pusd)
LIMIT 5

-- name: verify_bases
SELECT 'step ' || step_key || ': its cost does not go with how it was found'
FROM steps
WHERE (cost_basis = 0 AND cost_pusd IS NOT NULL) OR (cost_basis = 1 AND cost_pusd IS NULL)
   OR (cost_basis = 1 AND price_id = 0) OR (cost_basis = 3 AND cost_pusd IS NOT NULL)
   OR (cost_basis = 2 AND (cost_pusd IS NULL OR cost_pusd IS DISTINCT FROM reported_pusd))
   OR cost_basis IS NULL OR cost_basis > 3
LIMIT 5

-- Imports with priced steps, and how many.
-- name: verify_priced_imports
SELECT import_id, count(*) FROM steps WHERE cost_basis = 1 GROUP BY import_id ORDER BY import_id

-- name: verify_count
SELECT (SELECT count(*) FROM steps), (SELECT count(*) FROM cases),
       (SELECT coalesce(sum(cost_pusd), 0) FROM steps), (SELECT count(*) FROM postings),
       (SELECT count(*) FROM steps WHERE cost_basis = 3)

-- Priced steps of import $1, alike ones together, for pricing them again: part $3 of $2.
-- name: verify_prices
SELECT price_id, cost_pusd, input_uncached, cache_read, cache_write_5m, cache_write_1h,
       input_audio, input_image, output, output_audio, requests, web_searches, reasoning,
       CAST(min(step_key) AS VARCHAR), count(*)
FROM steps WHERE import_id = $1 AND cost_basis = 1 AND abs(step_key % $2) = $3
GROUP BY ALL

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

-- A name belongs to one key at a time; those revoked keep theirs for the audit trail.
-- name: control_version_2
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS keys (
  key_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  created_ns INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_ns INTEGER,
  revoked_ns INTEGER,
  last_used_ns INTEGER,
  team TEXT NOT NULL,
  workflow TEXT NOT NULL,
  user TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS keys_by_name ON keys (name) WHERE revoked_ns IS NULL;
PRAGMA user_version = 2;
COMMIT;

-- name: control_begin
BEGIN IMMEDIATE

-- name: control_commit
COMMIT

-- name: control_rollback
ROLLBACK

-- name: control_count_keys
SELECT count(*) FROM keys

-- name: control_add_key
INSERT INTO keys
  (key_id, name, role, hash, created_ns, created_by, expires_ns, team, workflow, user)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: control_list_keys
SELECT key_id, name, role, hash, created_ns, created_by, expires_ns, revoked_ns, last_used_ns,
       team, workflow, user
FROM keys ORDER BY key_id

-- SQLite counts $-parameters as they appear; ?N is what it says.
-- name: control_revoke_key
UPDATE keys SET revoked_ns = coalesce(revoked_ns, ?2) WHERE key_id = ?1

-- name: control_touch_key
UPDATE keys SET last_used_ns = ?2 WHERE key_id = ?1 AND coalesce(last_used_ns, ?2 - 1) < ?2

-- name: control_change_count
PRAGMA data_version

-- name: control_add_audit
INSERT INTO audit (at_ns, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)

-- name: control_audits
SELECT at_ns, actor, action, subject, detail FROM audit ORDER BY audit_id DESC LIMIT $1

-- ============================================================ journal of older versions (SQLite)

-- name: journal_older_1
SELECT kind, received_ns, bytes, '', '', '', x'' FROM messages ORDER BY message_id

-- name: journal_older_2
SELECT kind, received_ns, bytes, workflow, team, user, x'' FROM messages ORDER BY message_id

-- name: journal_older_3
SELECT kind, received_ns, bytes, workflow, team, user, context FROM messages ORDER BY message_id

-- ============================================================ outcomes, one

-- What counts for a case now, or within one outcome's id. $1 workflow, $2 case, $3 id ('' any).
-- name: newest_outcome
SELECT status, effective_ns, value_pusd, human_ms, quality, coalesce(source, ''),
       coalesce(reference, '')
FROM outcomes o
WHERE workflow = $1 AND case_id = $2 AND ($3 = '' OR outcome_id = $3) AND status <> 4
  AND NOT EXISTS (SELECT 1 FROM outcomes l
                  WHERE l.outcome_key = o.outcome_key AND l.revision > o.revision)
ORDER BY coalesce(effective_ns, recorded_ns) DESC, recorded_ns DESC, outcome_key LIMIT 1

-- ============================================================ the server's metrics

-- Calls, those no workflow is named for and what they and their tools cost, those without a price.
-- name: ledger_health
SELECT count(CASE WHEN kind = 0 THEN 1 END), count(CASE WHEN kind = 0 AND workflow = '' THEN 1 END),
       coalesce(sum(CASE WHEN workflow = '' THEN cost_pusd END), 0),
       count(CASE WHEN kind = 0 AND cost_basis = 3 THEN 1 END)
FROM steps

-- ============================================================ budgets
-- What calls through the gateway cost from $1 on (ns), by the scopes they were in: exact for the
-- organisation, workflows and models; team, key and user are those that their case was first seen
-- with.
-- name: budget_openings
WITH calls AS (
  SELECT case_key, workflow, coalesce(model, '') AS model, cost_pusd
  FROM steps WHERE channel = 0 AND kind = 0 AND cost_pusd IS NOT NULL AND started_ns >= $1
)
SELECT kind, name, cost_pusd FROM (
  SELECT 'org' AS kind, '' AS name, coalesce(sum(cost_pusd), 0) AS cost_pusd FROM calls
  UNION ALL
  SELECT 'workflow', workflow, sum(cost_pusd) FROM calls GROUP BY workflow
  UNION ALL
  SELECT 'model', model, sum(cost_pusd) FROM calls GROUP BY model
  UNION ALL
  SELECT a.name, a.value, sum(c.cost_pusd)
  FROM calls c JOIN case_attributes a ON a.case_key = c.case_key
  WHERE a.name IN ('team', 'key', 'user') GROUP BY a.name, a.value)
ORDER BY kind, name

-- ============================================================ explain

-- Which case is meant. $1 what was typed, $2 whether a workflow was named, $3 that workflow.
-- The best kind of match only: 0 the case's own name, 1 an attempt's name, 2 how the name begins.
-- name: explain_find
WITH found AS (
  SELECT 0 AS kind, case_key, workflow, case_id FROM cases
  WHERE case_id = $1 AND (NOT $2 OR workflow = $3)
  UNION
  SELECT 1, c.case_key, c.workflow, c.case_id FROM attempts a JOIN cases c USING (case_key)
  WHERE a.attempt_id = $1 AND (NOT $2 OR c.workflow = $3)
  UNION
  SELECT 2, case_key, workflow, case_id FROM cases
  WHERE starts_with(case_id, $1) AND (NOT $2 OR workflow = $3)
)
SELECT case_key, workflow, case_id, kind, count(*) OVER ()
FROM found WHERE kind = (SELECT min(kind) FROM found)
ORDER BY workflow, case_id LIMIT 6

-- The case of a call by the id that the gateway gave its request, or of a refusal of it. The same
-- columns.
-- name: explain_request
WITH told AS (
  SELECT case_key FROM steps WHERE channel = 0 AND name = 'gateway' AND ends_with(note, $1)
  UNION
  SELECT p.case_key FROM decisions d JOIN steps p USING (step_key)
  WHERE d.kind = 'refusal' AND contains(d.evidence, '; ' || $1)
)
SELECT case_key, c.workflow, c.case_id, 1, count(*) OVER ()
FROM told JOIN cases c USING (case_key) WHERE NOT $2 OR c.workflow = $3
ORDER BY c.workflow, c.case_id LIMIT 6

-- The nearest names to one that no case has.
-- name: explain_nearest
SELECT workflow, case_id FROM cases
WHERE (NOT $2 OR workflow = $3)
  AND (contains(lower(case_id), lower($1)) OR jaro_winkler_similarity(case_id, $1) > 0.8)
ORDER BY contains(lower(case_id), lower($1)) DESC, jaro_winkler_similarity(case_id, $1) DESC,
         workflow, case_id LIMIT 5

-- name: explain_header
SELECT c.workflow, c.case_id, c.input_key, c.named_by,
       (SELECT count(*) FROM cases r WHERE r.input_key = c.input_key AND r.workflow = c.workflow
          AND r.case_key <> c.case_key),
       (SELECT count(*) FROM cases r WHERE r.input_key = c.input_key AND r.workflow <> c.workflow)
FROM cases c WHERE c.case_key = $1

-- name: explain_attributes
SELECT name, value FROM case_attributes WHERE case_key = $1 ORDER BY name

-- What case_costs says of a case, and what its steps add. $1 the case, $2 as of.
-- name: explain_cost
SELECT c.state, c.agent_pusd, c.before_pusd, c.last_pusd, c.human_pusd, c.correction_pusd,
       CASE WHEN c.state = 0 THEN c.value_pusd END, c.value_recorded, c.human_ms,
       coalesce(s.fee_pusd, 0), coalesce(s.calls, 0), coalesce(s.unpriced, 0)
FROM case_costs c LEFT JOIN (
  SELECT $1 AS case_key, sum(CASE WHEN kind <> 0 THEN cost_pusd END) AS fee_pusd,
         count_if(kind = 0) AS calls, count_if(cost_basis = 3) AS unpriced
  FROM steps WHERE case_key = $1 AND (started_ns IS NULL OR started_ns <= $2)) s USING (case_key)
WHERE c.case_key = $1

-- In the order they were made. Needs the table case_attempts.
-- name: explain_attempts
SELECT attempt_key, attempt_id, agent, succeeded, started_ns, cost_pusd, fee_pusd, human_ms, calls,
       unpriced, part
FROM case_attempts ORDER BY n

-- Every statement known by then; whether it stands (the newest of its id, and no mere candidate),
-- and whether it is the one that counts. $1 the case, $2 as of.
-- name: explain_outcomes
WITH newest AS (
  SELECT outcome_key, max(revision) AS revision FROM outcomes
  WHERE case_key = $1 AND recorded_ns <= $2 GROUP BY outcome_key
), listed AS (
  SELECT o.*, n.revision = o.revision
           AND (o.status < 4
                OR coalesce((w.takes_commits AND o.source = 'git commit')
                            OR (w.takes_pull_requests AND o.source = 'pull request'), false))
           AS stands
  FROM outcomes o JOIN newest n USING (outcome_key) LEFT JOIN workflow_settings w USING (workflow)
  WHERE o.case_key = $1 AND o.recorded_ns <= $2
)
SELECT status, effective_ns, recorded_ns, value_pusd, human_ms, quality, source, reference,
       outcome_id, revision, stands,
       stands AND row_number() OVER (ORDER BY NOT stands, status = 4,
                    coalesce(effective_ns, recorded_ns) DESC, recorded_ns DESC, outcome_key) = 1
FROM listed ORDER BY recorded_ns, effective_ns NULLS LAST, revision, outcome_id, status

-- $1 the case, $2 how many at the head and the tail of each attempt (0: all of them), and $3 of the
-- dearest that were wasted in between, in the order of step_places; with what the steps up to each
-- cost. Needs the table step_labels.
-- name: explain_steps
WITH summed AS (
  SELECT p.*, l.n, l.n_max, l.label, l.reason, l.ref, l.call_n, l.carried_pusd,
         l.carried_unknown,
         sum(coalesce(p.cost_pusd, 0)) OVER (PARTITION BY p.attempt_key ORDER BY l.n
           ROWS UNBOUNDED PRECEDING) AS until_pusd,
         row_number() OVER (PARTITION BY p.attempt_key
           ORDER BY l.label NOT BETWEEN 1 AND 4 OR l.n <= $2 OR l.n > l.n_max - $2,
                    l.carried_pusd DESC, l.n) AS place
  FROM steps p JOIN step_labels l USING (step_key) WHERE p.case_key = $1
)
SELECT p.attempt_key, p.n, p.n_max, p.kind, p.status, p.effect, p.started_ns, p.ended_ns, p.name,
       p.agent, p.provider, p.model,
       p.input_uncached, p.cache_read, p.cache_write_5m, p.cache_write_1h, p.input_audio,
       p.input_image, p.output, p.output_audio, p.requests, p.web_searches, p.reasoning,
       p.cost_basis, p.cost_pusd, p.price_id, p.human_ms, p.result_bytes, p.note, s.path, p.line,
       p.label, p.reason, p.ref, p.call_n, p.carried_pusd, p.until_pusd,
       p.carried_unknown,
       p.channel = 0 AND coalesce(starts_with(p.raw_usage, '{"estimated":true'), false)
FROM summed p LEFT JOIN sources s USING (source_id)
WHERE $2 = 0 OR p.n <= $2 OR p.n > p.n_max - $2 OR (p.label BETWEEN 1 AND 4 AND p.place <= $3)
ORDER BY p.attempt_key, p.n

-- What the labels of each attempt come to.
-- name: explain_labels
SELECT attempt_key, label, count(*), count_if(unpriced), sum(carried_pusd)
FROM step_labels GROUP BY attempt_key, label ORDER BY attempt_key, label

-- Calls whose steps have several labels, and what of their cost went to each.
-- name: explain_splits
SELECT l.attempt_key, l.call_n, l.label, count(*), sum(l.share_pusd)
FROM step_labels l JOIN step_labels c ON c.attempt_key = l.attempt_key AND c.n = l.call_n
WHERE c.mixed
GROUP BY l.attempt_key, l.call_n, l.label ORDER BY l.attempt_key, l.call_n, l.label

-- By which names what was kept of a call of the case may be found. $1 the case. Needs the tables
-- case_attempts and step_labels.
-- name: explain_names
WITH named AS (
  SELECT step_key AS name, step_key FROM steps WHERE case_key = $1
  UNION
  SELECT s.alias_key, s.step_key FROM step_aliases s JOIN steps p USING (step_key)
  WHERE p.case_key = $1
)
SELECT a.n, l.n, d.name FROM named d JOIN step_labels l USING (step_key)
  JOIN case_attempts a USING (attempt_key)
ORDER BY a.n, l.n, d.name

-- The same of every case of a name, for erasing. $1 the name, $2 whether a workflow was named, $3
-- that workflow.
-- name: bodies_names
WITH named AS (
  SELECT p.step_key FROM steps p JOIN cases c USING (case_key)
  WHERE c.case_id = $1 AND (NOT $2 OR c.workflow = $3)
)
SELECT step_key AS name FROM named
UNION
SELECT s.alias_key FROM step_aliases s JOIN named USING (step_key)
ORDER BY name

-- Choices on record: steps of kind decision, human and guard, and steps a person refused. What is
-- overridden: the refused step itself; of a person or guard that said no, the step that asked, else
-- the one before. $1 the case. who: 0 agent, 1 human, 2 rule.
-- name: explain_decisions
WITH listed AS (
  SELECT l.attempt_key, l.n, p.kind, p.status, p.name, p.note, p.started_ns, l.call_n, r.made_by,
         r.step_key IS NOT NULL AS is_recorded, r.kind AS what, r.choice, r.rule, r.reason,
         r.overrides AS against, r.precedents, r.evidence,
         max(CASE WHEN p.kind NOT IN (3, 4, 5) THEN l.n END) OVER (PARTITION BY l.attempt_key
           ORDER BY l.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_n
  FROM step_labels l JOIN steps p USING (step_key) LEFT JOIN decisions r USING (step_key)
  WHERE p.case_key = $1
)
SELECT a.n, d.n, d.kind, d.status, d.who, d.overrides, d.name, d.note, d.started_ns, d.what,
       d.choice, d.rule, d.reason, d.against, d.precedents, d.evidence
FROM (SELECT *, CASE WHEN made_by > 0 THEN made_by - 1 WHEN kind = 4 THEN 1 WHEN kind = 5 THEN 2
                     ELSE 0 END AS who,
             CASE WHEN kind IN (4, 5) AND status IN (1, 2) THEN coalesce(call_n, before_n) END
               AS overrides
      FROM listed WHERE kind IN (3, 4, 5) OR is_recorded
      UNION ALL
      SELECT *, 1, n FROM listed WHERE status = 2 AND kind NOT IN (4, 5)) d
     JOIN case_attempts a USING (attempt_key)
ORDER BY a.n, d.n, d.who

-- ============================================================ doctor

-- name: doctor_ledger
SELECT version(), (SELECT max(version) FROM ledger_schema), (SELECT count(*) FROM steps),
       (SELECT count(*) FROM cases), (SELECT count(*) FROM sources),
       (SELECT coalesce(sum(rejected), 0) FROM imports)

-- The latest lines not taken.
-- name: doctor_rejects
SELECT path, line, reason FROM rejects ORDER BY import_id DESC, path, line LIMIT 3

-- Models without a price, the most called first; and how many there are.
-- name: doctor_unpriced
SELECT coalesce(model, ''), count(*),
       sum(input_uncached + cache_read + cache_write_5m + cache_write_1h + input_audio
           + input_image + output + output_audio),
       count(*) OVER ()
FROM steps WHERE cost_basis = 3 GROUP BY coalesce(model, '')
ORDER BY count(*) DESC, coalesce(model, '') LIMIT 10

-- Calls of no workflow and their cost; cases named by their session; cases; cases with an outcome.
-- name: doctor_named
SELECT (SELECT count(*) FROM steps WHERE workflow = '' AND kind = 0),
       (SELECT coalesce(sum(cost_pusd), 0) FROM steps WHERE workflow = ''),
       (SELECT count(*) FROM cases WHERE named_by = 1), (SELECT count(*) FROM cases),
       (SELECT count(DISTINCT case_key) FROM outcomes WHERE status < 4)

-- Services whose calls no workflow was named for, the dearest first, and how many there are. What an
-- import of telemetry found no workflow for is under the name of the format.
-- name: doctor_services
SELECT a.value, count(*), sum(coalesce(s.cost_pusd, 0)), count(*) OVER ()
FROM steps s JOIN case_attributes a ON a.case_key = s.case_key AND a.name = 'service'
WHERE s.kind = 0 AND s.workflow IN ('', 'otlp')
GROUP BY a.value ORDER BY sum(coalesce(s.cost_pusd, 0)) DESC, a.value LIMIT 5

-- name: doctor_sources
SELECT count(*) FROM sources WHERE starts_with(path, $1)
