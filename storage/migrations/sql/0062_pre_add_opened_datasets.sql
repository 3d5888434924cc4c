-- What a run itself has asked for, apart from what was noted for it: a trial uses what its sweep has
-- pinned, and a rerun what the run used, whether or not their scripts ever look at it.

CREATE TABLE opened_datasets (
    run_id text NOT NULL REFERENCES runs,
    dataset_id bigint NOT NULL,
    number int NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT opened_datasets_pkey PRIMARY KEY (run_id, dataset_id, number),
    CONSTRAINT opened_datasets_version_fkey
        FOREIGN KEY (dataset_id, number) REFERENCES dataset_versions
);
CREATE TRIGGER opened_datasets_immutable BEFORE UPDATE OR DELETE ON opened_datasets
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER opened_datasets_sealed BEFORE INSERT ON opened_datasets
    FOR EACH ROW EXECUTE FUNCTION refuse_when_sealed();
