-- What a cluster says of an attempt: how it ended there, when it was given a node, and what ran.

ALTER TYPE exit_reason ADD VALUE IF NOT EXISTS 'evicted';
ALTER TYPE exit_reason ADD VALUE IF NOT EXISTS 'preempted';
ALTER TYPE exit_reason ADD VALUE IF NOT EXISTS 'node_lost';
ALTER TYPE exit_reason ADD VALUE IF NOT EXISTS 'deleted';
ALTER TYPE exit_reason ADD VALUE IF NOT EXISTS 'unschedulable';
ALTER TYPE exit_reason ADD VALUE IF NOT EXISTS 'image_pull_failed';

ALTER TABLE attempts
    ADD COLUMN scheduled_at timestamptz,           -- null: at once, or nobody told
    ADD COLUMN image text NOT NULL DEFAULT '';     -- with its digest; empty: none, or unknown
