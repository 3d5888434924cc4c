-- Storage pools that an attempt reads from, by name, and what was decided before its launch: 'preferred',
-- its nodes rather than others, or 'required', its nodes alone. Empty: its data are in none, or it is not
-- launched yet.
ALTER TABLE attempts ADD COLUMN pools jsonb NOT NULL DEFAULT '{}';
