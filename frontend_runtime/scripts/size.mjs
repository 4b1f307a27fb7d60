/** Holds the size budget: what a page downloads for everything that an entry exports, gzipped, React left out. */
import { build } from "esbuild";
import { gzipSync } from "node:zlib";

/** Bytes of the first download: 6 kB with the hooks. */
const BUDGETS = { "dist/index.mjs": 6144, "dist/core.mjs": 5600 };
/** Bytes of what is loaded later, when `fetch` carries the first stream: the reader of Server-Sent Events. */
const LATER = 1700;

let failed = false;
for (const [entry, budget] of Object.entries(BUDGETS)) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react"],
    outdir: "out",
    write: false,
  });
  const [first, ...later] = outputFiles.map(({ contents }) => gzipSync(contents, { level: 9 }).length);
  const rest = later.reduce((sum, size) => sum + size, 0);
  failed ||= first > budget || rest > LATER;
  console.log(`${entry}: ${first} of ${budget} bytes gzipped at first, ${rest} of ${LATER} later`);
}
process.exit(failed ? 1 : 0);
