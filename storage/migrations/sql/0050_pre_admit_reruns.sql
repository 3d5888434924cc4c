SET LOCAL search_path = sweepworks, public;

-- Reruns pass the queue as trials do, each by itself: `sweep_id` is a sweep whose controller asks, or the
-- run of a rerun whose command does. Whose attempt it is, and so which sweep's, its row says.
ALTER TABLE admissions DROP CONSTRAINT admissions_sweep_id_fkey;
ALTER TABLE admission_seekers DROP CONSTRAINT admission_seekers_sweep_id_fkey;
