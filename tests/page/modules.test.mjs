/** The pure modules of the page: addresses, order, colours, curves, follow-up searches, YAML. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lastingQuery, parsePlace, writePlace } from "../../api/backfleet_api/page/static/app/address.js";
import { toggled } from "../../api/backfleet_api/page/static/app/basket.js";
import { readColumns } from "../../api/backfleet_api/page/static/app/binary.js";
import { growth, underwater } from "../../api/backfleet_api/page/static/app/curve.js";
import { readDraft } from "../../api/backfleet_api/page/static/app/draft.js";
import { beyond, narrowed } from "../../api/backfleet_api/page/static/app/follow-up.js";
import { duration, figure } from "../../api/backfleet_api/page/static/app/format.js";
import { sorted } from "../../api/backfleet_api/page/static/app/order.js";
import { parseYaml } from "../../api/backfleet_api/page/static/app/yaml.js";
import { axisText, ticks } from "../../api/backfleet_api/page/static/draw/axis.js";
import { pixels, quantiles, stepOf } from "../../api/backfleet_api/page/static/draw/colours.js";
import { groupFailures } from "../../api/backfleet_api/page/static/views/failures.js";

test("an address is read as it was written", () => {
  const place = { view: "batch", batch: "a.b-1", tab: "heat-map", backtest: null, query: { parameters: "side=up|a%2Cb,fast>=2", find: "ä &=#" } };
  assert.deepEqual(parsePlace(writePlace(place)), place);
  assert.equal(parsePlace("#/backtest/uid-12").batch, "uid");
  assert.equal(parsePlace("#/nonsense").view, "batches");
});

test("a filter of parameters stays with its batch, bounds of metrics go along", () => {
  const from = parsePlace("#/batch/one/results?parameters=fast>=2&metrics=drawdown<=0.2&sort=index");
  assert.deepEqual(lastingQuery(from, "one"), { metrics: "drawdown<=0.2", parameters: "fast>=2" });
  assert.deepEqual(lastingQuery(from, "two"), { metrics: "drawdown<=0.2" });
});

test("a full basket loses its oldest", () => {
  assert.equal(toggled({ pick: "a,b" }, "a"), "b");
  assert.equal(toggled({ pick: "1,2,3,4,5,6,7,8" }, "9"), "2,3,4,5,6,7,8,9");
});

test("rows are sorted with absent numbers last in either direction, and ties by row", () => {
  const data = Float32Array.of(2, NaN, -1, 2, -0.5, Infinity);
  const rows = Uint32Array.of(0, 1, 2, 3, 4, 5);
  assert.deepEqual([...sorted(rows, data, false)], [2, 4, 0, 3, 5, 1]);
  assert.deepEqual([...sorted(rows, data, true)], [5, 0, 3, 4, 2, 1]);
});

test("columns are read from the binary form", () => {
  const text = JSON.stringify({ rows: 2, columns: [{ name: "index", kind: "index", dtype: "int32", values: null }, { name: "m", kind: "metric", dtype: "float32", values: null }], next_cursor: null });
  const padded = text + " ".repeat((4 - (text.length % 4)) % 4);
  const buffer = new ArrayBuffer(4 + padded.length + 16);
  new DataView(buffer).setUint32(0, padded.length, true);
  new Uint8Array(buffer, 4).set(new TextEncoder().encode(padded));
  new Int32Array(buffer, 4 + padded.length, 2).set([7, 9]);
  new Float32Array(buffer, 12 + padded.length, 2).set([0.5, NaN]);
  const columns = readColumns(buffer);
  assert.deepEqual([...columns.by.get("index:index").data], [7, 9]);
  assert.deepEqual([...columns.by.get("metric:m").data], [0.5, NaN]);
});

test("each colour has as many values, and one extreme does not wash out the rest", () => {
  const values = Float32Array.from({ length: 1000 }, (_, at) => (at === 999 ? 1e9 : at));
  const bounds = quantiles(values);
  assert.ok(Math.abs(stepOf(bounds, 500) - 128) <= 1);
  assert.equal(stepOf(bounds, 0), 0);
  const out = pixels(Float32Array.of(NaN, 0, 998, 0), 2, 2, true, bounds);
  assert.equal(out[(1 * 2 + 0) * 4 + 3], 0);
  assert.equal(out[(1 * 2 + 1) * 4 + 3], 255);
});

test("an axis is written in exact decimals, at equal distances", () => {
  assert.equal(axisText({ range: { start: "0.1", step: "0.1", count: 9 } }, 2), "0.3");
  assert.equal(axisText({ values: ["up", "both"] }, 1), "both");
  assert.deepEqual(ticks(20, 10), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
});

test("a curve's falls are from its last peak, and its growth from its start", () => {
  const points = [[0, 100], [1, 200], [2, 150], [3, 300]];
  assert.deepEqual(underwater(points), [[0, 0], [1, 0], [2, -0.25], [3, 0]]);
  assert.deepEqual(growth(points).map((point) => point[1]), [1, 2, 1.5, 3]);
});

const SPEC = { cancel: true, parameters: [
  { name: "fast", type: "int", range: { start: 5, end: 24, step: 1 } },
  { name: "stop", type: "float", range: { start: "0.1", end: "0.5", step: "0.1" } },
  { name: "side", type: "string", values: ["up", "both"] },
] };

test("the next search has what the filter keeps, and is not cancelled", () => {
  const next = narrowed(SPEC, [{ name: "fast", op: ">=", value: "15" }, { name: "side", op: "=", value: "up" }, { name: "stop", op: "<=", value: "0.3" }]);
  assert.deepEqual(next, { parameters: [
    { name: "fast", type: "int", range: { start: 15, end: 24, step: 1 } },
    { name: "stop", type: "float", range: { start: 0.1, end: 0.3, step: "0.1" } },
    { name: "side", type: "string", values: ["up"] },
  ] });
});

test("the next search goes on beyond an edge, with the edge itself", () => {
  assert.deepEqual(beyond(SPEC, "fast", "high").parameters[0].range, { start: 24, end: 34, step: 1 });
  assert.deepEqual(beyond(SPEC, "stop", "low").parameters[1].range, { start: -0.2, end: 0.1, step: "0.1" });
});

test("a manifest is read as Kubernetes reads it, and a config stays text", () => {
  const manifest = "apiVersion: backfleet.io/v1alpha1\nkind: OptimizationBatch # one\nmetadata:\n  name: rsi\nspec:\n  strategy: {name: A, x: [1, 'b c']}\n  data: {startDate: \"2000-03-01\"}\n  parameters:\n  - {name: p, type: int, range: {start: 1, end: 2, step: 1}}\n  - name: q\n    values:\n      - up\n      - 0.5\n  suspend: false\n";
  assert.deepEqual(readDraft(manifest), { kind: "a manifest", name: "rsi", namespace: undefined, batch: {
    strategy: { name: "A", x: [1, "b c"] }, data: { startDate: "2000-03-01" }, suspend: false,
    parameters: [{ name: "p", type: "int", range: { start: 1, end: 2, step: 1 } }, { name: "q", values: ["up", 0.5] }],
  } });
  assert.equal(readDraft("strategy:\n  name: A\n").kind, "a config");
});

test("what the page does not read of YAML is refused with its line", () => {
  assert.throws(() => parseYaml("a: 1\nb: |\n  text\n"), /line 2 .* form of YAML/);
  assert.throws(() => parseYaml("a: 1\na: 2\n"), /repeats the key a/);
  assert.throws(() => parseYaml("a: [1, 2\n"), /line 1/);
});

test("failures are grouped by reason with their first message", () => {
  const one = (index, reason, message) => ({ backtest_id: `u-${index}`, index, reason, message, attempts: 2 });
  const groups = groupFailures([one(1, "NoData", "no bars"), one(2, "OOMKilled", "killed"), one(3, "OOMKilled", "again")]);
  assert.deepEqual(groups.map((each) => [each.reason, each.count, each.attempts, each.message]), [["OOMKilled", 2, 4, "killed"], ["NoData", 1, 2, "no bars"]]);
});

test("numbers and durations are as people read them", () => {
  assert.equal(figure(-0.0264, "fraction"), "−2.6 %");
  assert.equal(figure(null), "–");
  assert.equal(duration(3725), "1 h 2 min");
});
