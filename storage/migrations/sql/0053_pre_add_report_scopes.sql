-- Who may read reports that are not of its own tenant alone: `portfolio`, what is told without names
-- of all tenants together; `all`, everything.
ALTER TABLE api_tokens ADD COLUMN sees text NOT NULL DEFAULT 'tenant'
    CONSTRAINT api_tokens_sees_check CHECK (sees IN ('tenant', 'portfolio', 'all'));

-- Whether a report, of `tenant` or where that is null of all, may be read by somebody of a tenant.
CREATE FUNCTION may_read(reader text, sees text, tenant text, is_portfolio boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(tenant = reader, false)
    OR sees = 'all'
    OR (sees = 'portfolio' AND is_portfolio AND tenant IS NULL);

-- What queries of reports share, as functions that the planner puts in their places.

-- Whether something is what a report is about: `scope` is a tenant, an experiment and a sweep, null
-- where it may be any.
CREATE FUNCTION in_scope(scope text[], tenant text, experiment text, sweep text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (tenant = scope[1] OR scope[1] IS NULL)
   AND (experiment = scope[2] OR scope[2] IS NULL)
   AND (sweep = scope[3] OR scope[3] IS NULL);

-- A parameter's value as one of few: `"relu"`, `64`, or for numbers of which there are many the third
-- of a decade that they are in, `2e-3` for 0.002 to 0.005. Whole numbers below ten stand for
-- themselves, and all that is no number of a common size.
CREATE FUNCTION param_bin(value jsonb, is_exact boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(value) <> 'number' THEN left(value::text, 80)
    WHEN is_exact
         OR value::numeric = 0
         OR abs(value::numeric) NOT BETWEEN 1e-300 AND 1e300
         OR (abs(value::numeric) < 10 AND value::numeric = trunc(value::numeric))
    THEN left(trim_scale(value::numeric)::text, 80)
    ELSE CASE WHEN value::numeric < 0 THEN '-' ELSE '' END
         || (ARRAY['1', '1', '2', '2', '2', '5', '5', '5', '5', '5', '5'])[1 + floor(
             abs(value::double precision)
             / power(10::double precision, floor(log(abs(value::double precision)) + 1e-12))
             + 1e-9)::int]
         -- Logarithms of powers of ten come out a little too small.
         || 'e' || (floor(log(abs(value::double precision)) + 1e-12)::int)::text
END;
