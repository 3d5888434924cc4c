-- When the script says that it ended, of a run whose last flush is brought later. It stands in
-- `ended_at` from then on.
ALTER TABLE runs ADD COLUMN recorded_ended_at timestamptz;
