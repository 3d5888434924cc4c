-- A filter compares one parameter, or one tag, of many runs; without these it reads those of all
-- runs of everybody. Made in a second or two for a million params, which wait that long.
CREATE INDEX run_params_name_run_id_idx ON run_params (name, run_id);
CREATE INDEX run_tags_name_run_id_idx ON run_tags (name, run_id);
