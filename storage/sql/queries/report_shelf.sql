-- put --
-- A report, instead of an earlier one of the same period and scope.
INSERT INTO shelved_reports AS shelved (
    period, first_day, until_day, tenant_id, experiment, sweep_id, is_portfolio, made_at, made_by,
    cost_usd, problems)
VALUES (
    %(period)s, %(first_day)s, %(until_day)s, %(tenant_id)s, %(experiment)s, %(sweep_id)s,
    %(is_portfolio)s, %(made_at)s, %(made_by)s, %(cost_usd)s, %(problems)s::text[])
ON CONFLICT (
    period, coalesce(tenant_id, ''), coalesce(experiment, ''), coalesce(sweep_id, ''), is_portfolio)
DO UPDATE SET made_at = EXCLUDED.made_at, made_by = EXCLUDED.made_by,
    cost_usd = EXCLUDED.cost_usd, problems = EXCLUDED.problems, markdown = NULL, html = NULL
RETURNING report_id;

-- put_file --
-- Which bytes are a form of it; those that were, nothing refers to any more.
INSERT INTO report_files (report_id, form, sha256)
VALUES (%(report_id)s, %(form)s, %(sha256)s)
ON CONFLICT (report_id, form) DO UPDATE SET sha256 = EXCLUDED.sha256;

-- list --
-- Reports that somebody may read, the newest period first.
SELECT report_id, period, first_day, until_day, tenant_id, experiment, sweep_id, is_portfolio,
       made_at, made_by, cost_usd, problems
FROM shelved_reports
WHERE may_read(%(tenant)s, %(sees)s, tenant_id, is_portfolio)
ORDER BY until_day DESC, first_day DESC, report_id
LIMIT %(limit)s;

-- get --
-- Where a form of one that somebody may read is; or its text, when a version before wrote it.
SELECT encode(files.sha256, 'hex') AS sha256, shelved.html, shelved.markdown
FROM shelved_reports AS shelved
LEFT JOIN report_files AS files
    ON files.report_id = shelved.report_id
    AND files.form = %(form)s
WHERE shelved.report_id = %(report_id)s
  AND may_read(%(tenant)s, %(sees)s, shelved.tenant_id, shelved.is_portfolio);

-- clear_text --
-- The store has it from now on; no row: somebody else was faster, or made another report of it.
UPDATE shelved_reports
SET html = NULL, markdown = NULL
WHERE report_id = %(report_id)s
  AND html = %(html)s
  AND markdown = %(markdown)s
RETURNING report_id;

-- is_alone --
-- Whether there is no other tenant than this one, nor a report of any.
SELECT NOT EXISTS (
           SELECT FROM tenants
           WHERE tenant_id NOT IN (%(tenant)s, installation_tenant()))
   AND NOT EXISTS (SELECT FROM shelved_reports WHERE tenant_id <> %(tenant)s);
