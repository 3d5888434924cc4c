"""Images, sounds, tables and figures: files of a run that belong to a step."""
