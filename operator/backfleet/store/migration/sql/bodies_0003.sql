-- The first field of a result's body that this version cannot read, as core.backtests.result_from_json would; null where it
-- can read all of it. So a pass need not read bodies. The lists' bounds are far above what a recorder writes; they keep this
-- quick whatever was inserted. In strict mode what cannot be evaluated is unknown, and unknown is not readable.
CREATE FUNCTION backfleet_unreadable(body jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN jsonb_path_match(body, 'strict $.metrics.type() == "object" && !exists($.metrics.* ? (
        !(@.type() == "null" || (@.type() == "number" && @.abs() <= 1.7976931348623157e308))))', '{}', true) IS NOT TRUE
    THEN 'metrics'
    WHEN jsonb_path_match(body, 'strict $.statistics.type() == "object"
        && !exists($.statistics.* ? (@.type() != "string"))', '{}', true) IS NOT TRUE
    THEN 'statistics'
    -- Its shape as text, since one regular expression is several times quicker than a path that visits every point.
    WHEN (body -> 'equityCurve')::text !~ '^\[(?:\["[0-9]{4}-[0-9]{2}-[0-9]{2}", -?[0-9.]+\](?:, )?)*\]$'
        OR jsonb_path_match(body, 'strict $.equityCurve.size() <= 1000 && !exists($.equityCurve[*] ? (
            (@[0].datetime("YYYY-MM-DD").type() == "date") is unknown || @[0] starts with "0000"
            || @[1] > 1.7976931348623157e308 || @[1] < -1.7976931348623157e308))', '{}', true) IS NOT TRUE
    THEN 'equityCurve'
    WHEN jsonb_path_match(body, 'strict $.blocks.type() == "array" && $.blocks.size() <= 1000
        && !exists($.blocks[*] ? (!(@.type() == "array" && @.size() == 3 && !exists(@[*] ? (
            !(@.type() == "number" && @.abs() <= 1.7976931348623157e308))))))', '{}', true) IS NOT TRUE
    THEN 'blocks'
    WHEN jsonb_path_match(body, 'strict $.warnings.type() == "array" && $.warnings.size() <= 1000
        && !exists($.warnings[*] ? (@.type() != "string"))', '{}', true) IS NOT TRUE
    THEN 'warnings'
    WHEN jsonb_path_match(body, 'strict $.provenance.type() == "object"
        && !exists($.provenance.* ? (@.type() != "string"))', '{}', true) IS NOT TRUE
    THEN 'provenance'
    WHEN body ? 'analysis'
        AND jsonb_path_match(body, 'strict $.analysis.type() == "array" && $.analysis.size() <= 1000
        && !exists($.analysis[*] ? (!(@.type() == "object"
            && exists(@.keyvalue() ? (@.key == "name" && @.value.type() == "string"))
            && exists(@.keyvalue() ? (@.key == "issue" && @.value.type() == "string"))
            && !exists(@.keyvalue() ? (!(@.key == "name" || @.key == "issue"
                || (@.key == "sample" && (@.value.type() == "string" || @.value.type() == "null"))
                || (@.key == "count" && (@.value.type() == "null" || (@.value.type() == "number"
                    && @.value.abs() <= 1.7976931348623157e308 && @.value.floor() == @.value)))))))))', '{}', true) IS NOT TRUE
    THEN 'analysis'
END
$$;
