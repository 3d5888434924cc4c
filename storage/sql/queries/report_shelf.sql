-- put --
-- A report, instead of an earlier one of the same period and scope.
INSERT INTO shelved_reports AS shelved (
    period, first_day, until_day, tenant_id, experiment, sweep_id, is_portfolio, made_at, made_by,
    cost_usd, problems, markdown, html)
VALUES (
    %(period)s, %(first_day)s, %(until_day)s, %(tenant_id)s, %(experiment)s, %(sweep_id)s,
    %(is_portfolio)s, %(made_at)s, %(made_by)s, %(cost_usd)s, %(problems)s::text[], %(markdown)s,
    %(html)s)
ON CONFLICT (
    period, coalesce(tenant_id, ''), coalesce(experiment, ''), coalesce(sweep_id, ''), is_portfolio)
DO UPDATE SET made_at = EXCLUDED.made_at, made_by = EXCLUDED.made_by,
    cost_usd = EXCLUDED.cost_usd, problems = EXCLUDED.problems, markdown = EXCLUDED.markdown,
    html = EXCLUDED.html
RETURNING report_id;

-- list --
-- Reports that somebody may read, the newest period first.
SELECT report_id, period, first_day, until_day, tenant_id, experiment, sweep_id, is_portfolio,
       made_at, made_by, cost_usd, problems
FROM shelved_reports
WHERE may_read(%(tenant)s, %(sees)s, tenant_id, is_portfolio)
ORDER BY until_day DESC, first_day DESC, report_id
LIMIT %(limit)s;

-- get --
-- One that somebody may read: as a part of a page, and as Markdown.
SELECT html, markdown
FROM shelved_reports
WHERE report_id = %(report_id)s
  AND may_read(%(tenant)s, %(sees)s, tenant_id, is_portfolio);

-- is_alone --
-- Whether there is no other tenant than this one, nor a report of any.
SELECT NOT EXISTS (SELECT FROM tenants WHERE tenant_id <> %(tenant)s)
   AND NOT EXISTS (SELECT FROM shelved_reports WHERE tenant_id <> %(tenant)s);
