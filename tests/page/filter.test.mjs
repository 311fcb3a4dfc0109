/** The filter, its text, and the rows that it keeps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { apiFilter, escapePart, meets, readFilter, replaceConditions, rowsOf, writeFilter } from "../../api/backfleet_api/page/static/app/filter.js";

const QUERY = { passed: "true", rejection: "", metrics: "sharpe_ratio>=0.5,drawdown<=0.2", parameters: "stop>=0.01,side=up|a%2Cb" };

/** @param {any[]} columns */
function build(...columns) {
  return { rows: columns[0].data.length, columns, by: new Map(columns.map((each) => [`${each.kind}:${each.name}`, each])) };
}

const COLUMNS = build(
  { name: "passed", kind: "passed", values: null, data: Float32Array.of(1, 1, 0, 1) },
  { name: "stop", kind: "parameter", values: null, data: Float32Array.of(0.01, 0.02, 0.03, 0.005) },
  { name: "side", kind: "parameter", values: ["up", "both", "a,b"], data: Float32Array.of(0, 1, 2, 0) },
  { name: "sharpe_ratio", kind: "metric", values: null, data: Float32Array.of(0.5, 1, NaN, 2) },
  { name: "drawdown", kind: "metric", values: null, data: Float32Array.of(0.2, 0.1, 0.1, 0.1) },
);

const rows = (query) => [...rowsOf(COLUMNS, readFilter(query))];

test("what is read is written again", () => {
  assert.deepEqual(writeFilter(readFilter(QUERY)), QUERY);
  assert.deepEqual(apiFilter(readFilter({})), {});
});

test("an empty filter keeps every row", () => assert.deepEqual(rows({}), [0, 1, 2, 3]));

test("a bound is met by its own value although columns are float32", () => {
  assert.deepEqual(rows({ parameters: "stop>=0.01" }), [0, 1, 2]);
  assert.deepEqual(rows({ metrics: "drawdown<=0.2,sharpe_ratio>=0.5" }), [0, 1, 3]);
});

test("a result without the metric is left out", () => assert.deepEqual(rows({ metrics: "sharpe_ratio<=100" }), [0, 1, 3]));

test("texts are compared as a whole, with their escapes", () => {
  assert.equal(escapePart("a,b|c%"), "a%2Cb%7Cc%25");
  assert.deepEqual(rows({ parameters: "side=up|a%2Cb" }), [0, 2, 3]);
});

test("a condition on what the batch does not have keeps nothing", () => assert.deepEqual(rows({ parameters: "other=1" }), []));

test("conditions of one name are replaced, others stay", () => {
  const filter = replaceConditions(readFilter(QUERY), "metrics", "drawdown", [{ name: "drawdown", op: "<", value: "0.1" }]);
  assert.equal(writeFilter(filter).metrics, "sharpe_ratio>=0.5,drawdown<0.1");
});

test("one result is judged as its row would be", () => {
  const result = { passed: true, rejections: [], metrics: { sharpe_ratio: 0.5, drawdown: 0.2 } };
  assert.equal(meets(readFilter(QUERY), result, { stop: 0.01, side: "up" }), true);
  assert.equal(meets(readFilter(QUERY), result, { stop: 0.001, side: "up" }), false);
  assert.equal(meets(readFilter({ metrics: "win_rate>=0" }), result, {}), false);
});
