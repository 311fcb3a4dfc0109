/** What a person pasted, as the request of the API: a config stays text, a manifest or a spec becomes `batch`. */
import { parseYaml } from "./yaml.js";

const KIND = /^\s*["']?kind["']?\s*:\s*["']?OptimizationBatch/m;

/** @param {string} text @returns {{batch?: any, config?: string, name?: string, namespace?: string, kind: string}} */
export function readDraft(text) {
  if (KIND.test(text)) return ofManifest(text.trimStart().startsWith("{") ? JSON.parse(text) : parseYaml(text));
  if (text.trimStart().startsWith("{")) {
    const body = JSON.parse(text);
    // LEAN's own optimizer config is JSON too; a spec has a list of parameters.
    if (Array.isArray(body.parameters) && typeof body.strategy === "object") return { batch: body, kind: "a spec" };
  }
  return { config: text, kind: "a config" };
}

/** @param {any} manifest */
function ofManifest(manifest) {
  if (!manifest.spec) throw new Error("the manifest has no spec");
  const { name, namespace } = manifest.metadata ?? {};
  return { batch: manifest.spec, name, namespace, kind: "a manifest" };
}
