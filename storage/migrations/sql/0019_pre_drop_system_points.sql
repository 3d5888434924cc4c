-- What is measured beside the training is kept for a while after its run was sealed.

ALTER TABLE run_summaries ADD COLUMN system_dropped_at timestamptz;
CREATE INDEX run_summaries_system_idx ON run_summaries (run_id)
    WHERE is_final AND system_dropped_at IS NULL;
