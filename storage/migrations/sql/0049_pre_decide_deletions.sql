-- Items that are decided, and whose points are still to be removed: nobody waits for that.
CREATE TABLE retention_leaving (
    plan_id bigint NOT NULL,
    ordinal int NOT NULL,
    CONSTRAINT retention_leaving_pkey PRIMARY KEY (plan_id, ordinal),
    CONSTRAINT retention_leaving_item_fkey
        FOREIGN KEY (plan_id, ordinal) REFERENCES retention_items (plan_id, ordinal)
);

-- Decides that a tier is dropped from before an hour; whoever calls drop_metric_points for the same
-- hour removes it. False, and nothing is decided: the next coarser tier does not have it yet.
CREATE FUNCTION leave_metric_points(which text, before bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    edge bigint := metric_bucket(36000, before);
    coarser text := (SELECT tier FROM metric_tiers WHERE source = which);
BEGIN
    IF edge > metric_now() - 3 * 864000 THEN
        RAISE EXCEPTION 'points are kept for three days at least';
    END IF;
    IF coarser IS NOT NULL AND NOT (SELECT has_continuous_aggregates FROM metric_storage)
        AND metric_stored_until(coarser) < edge
    THEN
        RETURN false;
    END IF;
    UPDATE metric_tiers SET kept_since = edge WHERE tier = which AND kept_since < edge;
    RETURN true;
END $$;

-- Files of points, of few runs among many.
CREATE INDEX artifacts_points_idx ON artifacts (run_id) WHERE type = 'points';
-- Whether an evaluation is made of a run.
CREATE INDEX evaluation_runs_run_id_idx ON evaluation_runs (run_id);
-- In the order in which they go: one plan makes all of its items due at the same moment.
DROP INDEX retention_items_due_idx;
CREATE INDEX retention_items_due_idx ON retention_items (due_at, plan_id, ordinal)
    WHERE state = 'marked';
