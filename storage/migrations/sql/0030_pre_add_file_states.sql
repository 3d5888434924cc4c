-- When the files of a version were written last, where they were found: what has not been written
-- since need not be read again, however large it is.

ALTER TABLE dataset_locations
    ADD COLUMN states jsonb;  -- {path: [mtime in ns, inode]}; null: nobody has noted them
