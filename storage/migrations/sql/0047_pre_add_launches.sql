-- Whether an attempt that was admitted may be alive somewhere: noted just before its launch. One that is
-- not goes back to the queue when its controller is gone for good. True for rows of the version before,
-- which does not note it: of those nobody knows.
ALTER TABLE admissions ADD COLUMN may_be_launched boolean NOT NULL DEFAULT true;
