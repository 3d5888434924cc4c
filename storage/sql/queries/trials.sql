-- take_over --
-- Become the one controller of a sweep; the former one's lease number is worth nothing from now on.
-- With the first one the sweep has started.
UPDATE sweeps
SET lease = lease + 1,
    controller = %(controller)s,
    started_at = coalesce(started_at, now())
WHERE sweep_id = %(sweep_id)s
RETURNING lease;

-- hold_lease --
-- The row under lock, if the lease still holds; every write of a tick begins with this.
SELECT sweep_id
FROM sweeps
WHERE sweep_id = %(sweep_id)s
  AND lease = %(lease)s
FOR UPDATE;

-- trials_of_sweep --
-- Every trial with its configuration, by number.
SELECT runs.run_id, runs.number, suggestions.configuration, runs.seed, runs.state::text,
       runs.reason, runs.objective, runs.resource_level, runs.started_at, runs.ended_at
FROM runs
JOIN suggestions USING (sweep_id, number)
WHERE runs.sweep_id = %(sweep_id)s
ORDER BY runs.number;

-- attempts_of_sweep --
-- Every execution of every trial, in order.
SELECT attempts.attempt_id, attempts.run_id, attempts.number, attempts.state::text,
       attempts.created_at, attempts.started_at, attempts.ended_at,
       attempts.exit_reason::text, attempts.exit_code, attempts.exit_signal, attempts.message,
       attempts.node, attempts.gpus, attempts.promoted_sequence,
       attempts.image, attempts.scheduled_at, attempts.gpu_model, attempts.gpu_count,
       attempts.capacity, attempts.region, attempts.instance_type, attempts.pools
FROM attempts
JOIN runs USING (run_id)
WHERE runs.sweep_id = %(sweep_id)s
ORDER BY runs.number, attempts.number;

-- decided_reports --
-- The told half of the journal that came from reports, in its order.
SELECT run_id, resource_level, value, reported_at, sequence, decision::text, decided_at
FROM reports
WHERE sweep_id = %(sweep_id)s
  AND decision IS NOT NULL
ORDER BY sequence;

-- suggestions_of_sweep --
-- The asked half of the journal, in its order.
SELECT number, configuration, sequence, seen_through
FROM suggestions
WHERE sweep_id = %(sweep_id)s
ORDER BY sequence;

-- concluded_trials --
-- Trials whose result the searcher was told, in that order.
SELECT number, concluded_sequence AS sequence, resource_level AS level,
       CASE WHEN state IN ('completed', 'stopped') THEN objective END AS value
FROM runs
WHERE sweep_id = %(sweep_id)s
  AND concluded_sequence IS NOT NULL
ORDER BY concluded_sequence;

-- earlier_trials --
-- What had become of the trials of earlier sweeps of the same experiment when this one was
-- submitted, oldest first: later results would make its suggestions others after a restart. Of sweeps
-- that it has waited for, all: these had ended when it started.
SELECT runs.run_id, runs.number, suggestions.configuration, runs.seed, runs.state::text,
       runs.reason, runs.objective, runs.resource_level, runs.started_at, runs.ended_at
FROM runs
JOIN suggestions USING (sweep_id, number)
JOIN sweeps ON sweeps.sweep_id = %(sweep_id)s
WHERE runs.sweep_id = ANY(%(earlier)s::text[])
  AND runs.sweep_id <> sweeps.sweep_id
  AND runs.experiment_id = sweeps.experiment_id
  AND runs.state IN ('completed', 'stopped', 'failed')
  AND (runs.ended_at <= sweeps.created_at
       OR runs.sweep_id IN (SELECT awaited_id
                            FROM sweep_waits
                            WHERE sweep_waits.sweep_id = sweeps.sweep_id))
ORDER BY array_position(%(earlier)s::text[], runs.sweep_id), runs.number;

-- last_sequence --
-- Where the journal ends.
SELECT last_sequence
FROM sweeps
WHERE sweep_id = %(sweep_id)s;

-- requested --
-- What a person wants of the sweep.
SELECT requested::text
FROM sweeps
WHERE sweep_id = %(sweep_id)s;

-- undecided_reports --
-- The controller's inbox, oldest first. A report without the objective cannot be decided on.
SELECT run_id, resource_level, value, reported_at, sequence, decision::text, decided_at
FROM reports
WHERE sweep_id = %(sweep_id)s
  AND decision IS NULL
  AND value IS NOT NULL
ORDER BY received_at, run_id, resource_level;

-- last_seen --
-- Last sign of life of each live trial.
SELECT run_activity.run_id, run_activity.last_seen_at
FROM run_activity
JOIN runs USING (run_id)
WHERE runs.sweep_id = %(sweep_id)s
  AND runs.state IN ('pending', 'queued', 'running');

-- gateway_silence --
-- How long no gateway has been there, by the database's own clock.
SELECT now() - last_seen_at
FROM gateway_activity;

-- insert_suggestions --
-- Journal of what the searcher was asked.
INSERT INTO suggestions (sweep_id, number, configuration, sequence, seen_through)
SELECT %(sweep_id)s, number, configuration, sequence, seen_through
FROM unnest(%(numbers)s::int[], %(configurations)s::jsonb[], %(sequences)s::bigint[],
            %(seen_throughs)s::bigint[])
    AS new (number, configuration, sequence, seen_through);

-- insert_trials --
-- New trials; tenant, experiment and author are the sweep's.
INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed, created_by,
                  created_at, state)
SELECT new.run_id, sweeps.tenant_id, sweeps.experiment_id, sweeps.sweep_id, new.number, new.seed,
       sweeps.created_by, %(at)s, 'pending'
FROM sweeps,
     unnest(%(run_ids)s::text[], %(numbers)s::int[], %(seeds)s::bigint[])
    AS new (run_id, number, seed)
WHERE sweeps.sweep_id = %(sweep_id)s;

-- insert_params --
-- The configuration of each new trial, a row a parameter.
INSERT INTO run_params (run_id, name, value)
SELECT new.run_id, param.key, param.value
FROM unnest(%(run_ids)s::text[], %(configurations)s::jsonb[]) AS new (run_id, configuration),
     jsonb_each(new.configuration) AS param;

-- insert_activity --
-- A heartbeat row for each new trial.
INSERT INTO run_activity (run_id, last_seen_at)
SELECT run_id, %(at)s
FROM unnest(%(run_ids)s::text[]) AS new (run_id);

-- update_trials --
-- New states of existing trials.
UPDATE runs
SET state = new.state::run_state,
    reason = new.reason,
    objective = new.objective,
    resource_level = new.resource_level,
    started_at = new.started_at,
    ended_at = new.ended_at
FROM unnest(%(run_ids)s::text[], %(states)s::text[], %(reasons)s::text[],
            %(objectives)s::float8[], %(resource_levels)s::bigint[],
            %(started_ats)s::timestamptz[], %(ended_ats)s::timestamptz[])
    AS new (run_id, state, reason, objective, resource_level, started_at, ended_at)
WHERE runs.run_id = new.run_id
  AND runs.sweep_id = %(sweep_id)s;

-- conclude_trials --
-- Where in the journal each result was told. Runs before `update_trials` freezes the rows.
UPDATE runs
SET concluded_sequence = new.sequence
FROM unnest(%(numbers)s::int[], %(sequences)s::bigint[]) AS new (number, sequence)
WHERE runs.sweep_id = %(sweep_id)s
  AND runs.number = new.number;

-- insert_attempts --
-- Written before anything is launched.
INSERT INTO attempts (attempt_id, run_id, number, state, created_at, promoted_sequence)
SELECT attempt_id, run_id, number, 'pending', %(at)s, promoted_sequence
FROM unnest(%(attempt_ids)s::text[], %(run_ids)s::text[], %(numbers)s::int[],
            %(promoted_sequences)s::bigint[])
    AS new (attempt_id, run_id, number, promoted_sequence);

-- live_among --
-- Those of the attempts that have not ended, by their rows.
SELECT attempt_id
FROM attempts
WHERE attempt_id = ANY(%(attempt_ids)s::text[])
  AND state <> 'ended';

-- live_runs_among --
-- Those of the runs that have not ended and have no attempts, as reruns of the version before.
SELECT run_id
FROM runs
WHERE run_id = ANY(%(run_ids)s::text[])
  AND state NOT IN ('completed', 'stopped', 'failed', 'cancelled')
  AND NOT EXISTS (SELECT FROM attempts WHERE attempts.run_id = runs.run_id);

-- all_tenants --
-- Whom anything belongs to, but for the installation.
SELECT tenant_id
FROM tenants
WHERE tenant_id <> installation_tenant()
ORDER BY tenant_id;

-- update_attempts --
-- What the launcher has seen of them.
UPDATE attempts
SET state = new.state::attempt_state,
    started_at = new.started_at,
    ended_at = new.ended_at,
    exit_reason = new.exit_reason::exit_reason,
    exit_code = new.exit_code,
    exit_signal = new.exit_signal,
    message = new.message,
    node = new.node,
    gpus = string_to_array(new.gpus, ','),
    image = new.image,
    scheduled_at = new.scheduled_at,
    gpu_model = new.gpu_model,
    gpu_count = new.gpu_count,
    capacity = new.capacity,
    region = new.region,
    instance_type = new.instance_type
FROM unnest(%(attempt_ids)s::text[], %(states)s::text[], %(started_ats)s::timestamptz[],
            %(ended_ats)s::timestamptz[], %(exit_reasons)s::text[], %(exit_codes)s::int[],
            %(exit_signals)s::int[], %(messages)s::text[], %(nodes)s::text[], %(gpus)s::text[],
            %(images)s::text[], %(scheduled_ats)s::timestamptz[], %(gpu_models)s::text[],
            %(gpu_counts)s::int[], %(capacities)s::text[], %(regions)s::text[],
            %(instance_types)s::text[])
    AS new (attempt_id, state, started_at, ended_at, exit_reason, exit_code, exit_signal, message,
            node, gpus, image, scheduled_at, gpu_model, gpu_count, capacity, region, instance_type)
WHERE attempts.attempt_id = new.attempt_id;

-- decide_reports --
-- The answer to each report, and its place in the journal.
UPDATE reports
SET decision = new.decision::decision,
    sequence = new.sequence,
    decided_at = new.decided_at
FROM unnest(%(run_ids)s::text[], %(levels)s::bigint[], %(decisions)s::text[],
            %(sequences)s::bigint[], %(decided_ats)s::timestamptz[])
    AS new (run_id, resource_level, decision, sequence, decided_at)
WHERE reports.run_id = new.run_id
  AND reports.resource_level = new.resource_level;

-- tell_scripts --
-- Decisions reach the script with its next acknowledgement.
UPDATE run_activity
SET control = new.decision::decision
FROM unnest(%(run_ids)s::text[], %(decisions)s::text[]) AS new (run_id, decision)
WHERE run_activity.run_id = new.run_id;

-- advance_journal --
-- The journal's new end.
UPDATE sweeps
SET last_sequence = greatest(last_sequence, %(sequence)s)
WHERE sweep_id = %(sweep_id)s;

-- update_sweep --
-- The sweep's own state.
UPDATE sweeps
SET state = %(state)s::sweep_state,
    reason = %(reason)s,
    ended_at = CASE WHEN %(terminal)s::boolean THEN %(at)s::timestamptz END
WHERE sweep_id = %(sweep_id)s;
