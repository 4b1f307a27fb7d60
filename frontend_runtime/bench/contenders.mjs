/** Who is measured, each in the form that suits it best; what has to be prepared for that is not measured. */
import { build } from "esbuild";
import jsonPatch from "fast-json-patch";
import { enablePatches, Immer } from "immer";
import { immutableJSONPatch } from "immutable-json-patch";
import touchPatch from "json-touch-patch";
import jsonpatch from "jsonpatch";
import { apply as applyWithMutative } from "mutative";
import { createRequire } from "node:module";
import { applyPatch as applyInPlace } from "rfc6902";
import { applyPatches as applyWithStructura } from "structurajs";

enablePatches();
const freezing = new Immer({ autoFreeze: true });
const lenient = new Immer({ autoFreeze: false });

const bundle = await build({
  entryPoints: [new URL("../src/patch.ts", import.meta.url).pathname],
  format: "esm",
  target: "es2022",
  minify: true,
  bundle: true,
  write: false,
});
const { applyPatch } = await import(`data:text/javascript,${encodeURIComponent(bundle.outputFiles[0].text)}`);

const asIs = (patch) => patch;
const keys = (pointer) =>
  pointer
    .split("/")
    .slice(1)
    .map((key) => (/^\d+$/.test(key) ? Number(key) : key));

/** The dialect of immer and mutative: paths as arrays; a move is a removal and an insertion of the value. */
function withArrayPaths(patch, document) {
  return patch.flatMap(({ op, path, from, value }) => {
    if (op !== "move") return [{ op, path: keys(path), value }];
    const moved = keys(from).reduce((place, key) => place[key], document);
    return [
      { op: "remove", path: keys(from) },
      { op: "add", path: keys(path), value: moved },
    ];
  });
}

/** The dialect of structurajs: the same with pointers. */
const withPointers = (patch, document) =>
  withArrayPaths(patch, document).map((operation) => ({ ...operation, path: `/${operation.path.join("/")}` }));

export const contenders = [
  { name: "rxsse", prepare: asIs, apply: applyPatch },
  { name: "immutable-json-patch", prepare: asIs, apply: (document, patch) => immutableJSONPatch(document, patch) },
  {
    name: "json-touch-patch",
    prepare: asIs,
    apply: (document, patch) => touchPatch(document, patch, { strict: true }),
  },
  { name: "jsonpatch", prepare: asIs, apply: (document, patch) => jsonpatch.apply_patch(document, patch) },
  { name: "mutative", prepare: withArrayPaths, apply: (document, patch) => applyWithMutative(document, patch) },
  {
    name: "immer, not freezing",
    prepare: withArrayPaths,
    apply: (document, patch) => lenient.applyPatches(document, patch),
  },
  {
    name: "immer, freezing",
    freezes: true,
    prepare: withArrayPaths,
    apply: (document, patch) => freezing.applyPatches(document, patch),
  },
  {
    name: "structurajs",
    prepare: withPointers,
    apply: (document, patch) => applyWithStructura(document, patch),
  },
  {
    name: "rfc6902 (mutates)",
    mutates: true,
    prepare: asIs,
    apply: (document, patch) => {
      applyInPlace(document, patch);
      return document;
    },
  },
  {
    name: "fast-json-patch (mutates)",
    mutates: true,
    prepare: asIs,
    apply: (document, patch) => jsonPatch.applyPatch(document, patch).newDocument,
  },
];

export function versions() {
  const lock = createRequire(import.meta.url)("../package-lock.json").packages;
  const names = "immutable-json-patch json-touch-patch jsonpatch mutative immer structurajs rfc6902 fast-json-patch";
  return names
    .split(" ")
    .map((name) => `${name} ${lock[`node_modules/${name}`].version}`)
    .join(", ");
}
