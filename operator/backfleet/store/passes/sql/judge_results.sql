-- Replaces the verdicts of results by those of newer criteria.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json))
        AS c(backtest_id text, passed boolean, rejections text[], criteria_version int)
)
UPDATE backtest_results r
SET passed = c.passed, rejections = c.rejections, criteria_version = c.criteria_version
FROM change c
WHERE r.backtest_id = c.backtest_id AND r.criteria_version < c.criteria_version
