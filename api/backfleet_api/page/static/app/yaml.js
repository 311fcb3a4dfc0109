/**
 * Reads the plain YAML of manifests: maps, lists, the flow forms, quoted and plain scalars, comments. It refuses anything
 * else with the line, so that nothing is read in another way than Kubernetes would.
 */

/** @typedef {{indent: number, text: string, number: number}} Line */

/** @param {string} text @returns {any} */
export function parseYaml(text) {
  const lines = text.split(/\r?\n/).flatMap((raw, at) => readLine(raw, at + 1));
  if (!lines.length) throw new Error("the text is empty");
  const reader = { lines, at: 0 };
  const value = readBlock(reader, lines[0].indent);
  if (reader.at < lines.length) fail(lines[reader.at], "is indented in another way than the lines before");
  return value;
}

/** @param {string} raw @param {number} number @returns {Line[]} */
function readLine(raw, number) {
  const text = withoutComment(raw).trimEnd();
  const line = { indent: text.length - text.trimStart().length, text: text.trim(), number };
  if (!line.text || line.text === "---") return [];
  if (text.slice(0, line.indent).includes("\t")) fail(line, "is indented with a tab");
  return [line];
}

/** @param {string} raw */
function withoutComment(raw) {
  let quote = "";
  for (let at = 0; at < raw.length; at += 1) {
    const sign = raw[at];
    if (quote) quote = sign === quote ? "" : quote;
    else if (sign === '"' || (sign === "'" && !/\w/.test(raw[at - 1] ?? ""))) quote = sign;
    else if (sign === "#" && (at === 0 || /\s/.test(raw[at - 1]))) return raw.slice(0, at);
  }
  return raw;
}

/** @param {{lines: Line[], at: number}} reader @param {number} indent @returns {any} */
function readBlock(reader, indent) {
  return isItem(reader.lines[reader.at]) ? readList(reader, indent) : readMap(reader, indent);
}

/** @param {Line} line */
function isItem(line) {
  return line.text === "-" || line.text.startsWith("- ");
}

/** @param {{lines: Line[], at: number}} reader @param {number} indent */
function readList(reader, indent) {
  const items = [];
  for (let line = reader.lines[reader.at]; line?.indent === indent && isItem(line); line = reader.lines[reader.at]) {
    const rest = line.text.slice(1).trim();
    if (rest && (KEY.test(rest) && !/^[[{"']/.test(rest))) {
      // A map that begins on the line of its dash.
      const inner = indent + (line.text.length - rest.length);
      reader.lines[reader.at] = { indent: inner, text: rest, number: line.number };
      items.push(readMap(reader, inner));
      continue;
    }
    reader.at += 1;
    items.push(rest ? scalar(rest, line) : nested(reader, indent, false));
  }
  return items;
}

const KEY = /^("(?:[^"\\])*"|'[^']*'|[^\s:#[\]{},"'&*!|>%@`][^:#]*?)\s*:(?:\s+(.*))?$/;

/** @param {{lines: Line[], at: number}} reader @param {number} indent */
function readMap(reader, indent) {
  /** @type {Record<string, any>} */
  const map = {};
  for (let line = reader.lines[reader.at]; line?.indent === indent && !isItem(line); line = reader.lines[reader.at]) {
    const found = KEY.exec(line.text);
    if (!found) return fail(line, "is not a key with a value");
    const key = found[1].replace(/^(["'])(.*)\1$/, "$2");
    if (Object.hasOwn(map, key)) fail(line, `repeats the key ${key}`);
    reader.at += 1;
    map[key] = found[2] ? scalar(found[2].trim(), line) : nested(reader, indent, true);
  }
  return map;
}

/** @param {{lines: Line[], at: number}} reader @param {number} indent @param {boolean} isOfMap */
function nested(reader, indent, isOfMap) {
  const next = reader.lines[reader.at];
  // A list may stand as deep as its key.
  const isDeeper = next && (next.indent > indent || (isOfMap && next.indent === indent && isItem(next)));
  return isDeeper ? readBlock(reader, next.indent) : null;
}

/** @param {string} text @param {Line} line @returns {any} */
function scalar(text, line) {
  if (/^[&*!|>%@`]/.test(text)) fail(line, "uses a form of YAML that the page does not read; apply it with kubectl");
  const reader = { text, at: 0, line };
  const value = /^[[{"']/.test(text) ? flow(reader) : plainValue(text);
  if (/^[[{"']/.test(text) && reader.text.slice(reader.at).trim()) fail(line, "has more after the value");
  return value;
}

/** @param {{text: string, at: number, line: Line}} reader @returns {any} */
function flow(reader) {
  skip(reader);
  const sign = reader.text[reader.at];
  if (sign === "[") return flowItems(reader, "]", () => flow(reader));
  if (sign === "{") return Object.fromEntries(flowItems(reader, "}", () => flowPair(reader)));
  if (sign === '"' || sign === "'") return quoted(reader, sign);
  const found = /^[^,[\]{}]+/.exec(reader.text.slice(reader.at));
  if (!found) return fail(reader.line, "ends in the middle of a value");
  reader.at += found[0].length;
  return plainValue(found[0].trim());
}

/** @param {any} reader @param {string} end @param {() => any} read */
function flowItems(reader, end, read) {
  const items = [];
  reader.at += 1;
  for (;;) {
    skip(reader);
    if (reader.at >= reader.text.length) fail(reader.line, `misses ${end}; the page reads a flow form on one line only`);
    if (reader.text[reader.at] === end) break;
    items.push(read());
    skip(reader);
    if (reader.text[reader.at] === ",") reader.at += 1;
    else if (reader.text[reader.at] !== end) fail(reader.line, `misses a comma or ${end}`);
  }
  reader.at += 1;
  return items;
}

/** @param {any} reader @returns {[string, any]} */
function flowPair(reader) {
  skip(reader);
  const sign = reader.text[reader.at];
  let key;
  if (sign === '"' || sign === "'") key = quoted(reader, sign);
  else {
    const found = /^[^:,[\]{}]+/.exec(reader.text.slice(reader.at));
    key = found ? found[0].trim() : fail(reader.line, "has a value without a key");
    reader.at += found ? found[0].length : 0;
  }
  skip(reader);
  if (reader.text[reader.at] !== ":") fail(reader.line, `has no value for ${key}`);
  reader.at += 1;
  return [key, flow(reader)];
}

/** @param {any} reader @param {string} sign */
function quoted(reader, sign) {
  const pattern = sign === '"' ? /^"((?:[^"\\]|\\.)*)"/ : /^'((?:[^']|'')*)'/;
  const found = pattern.exec(reader.text.slice(reader.at));
  if (!found) return fail(reader.line, "has a quote without an end");
  reader.at += found[0].length;
  return sign === '"' ? JSON.parse(found[0]) : found[1].replaceAll("''", "'");
}

/** @param {any} reader */
function skip(reader) {
  while (/\s/.test(reader.text[reader.at] ?? "")) reader.at += 1;
}

/** @param {string} text */
function plainValue(text) {
  if (/^(null|Null|NULL|~)$/.test(text)) return null;
  if (/^(true|True|TRUE|false|False|FALSE)$/.test(text)) return text.toLowerCase() === "true";
  if (/^-?(0|[1-9]\d*)(\.\d*)?([eE][-+]?\d+)?$/.test(text)) return Number(text);
  return text;
}

/** @param {{number: number, text: string}} line @param {string} problem @returns {never} */
function fail(line, problem) {
  throw new Error(`line ${line.number} (${line.text.slice(0, 60)}) ${problem}`);
}
