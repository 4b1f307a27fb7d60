/** Holds the size budget: what a page downloads for the core and the hooks, gzipped, React left out. */
import { build } from "esbuild";
import { gzipSync } from "node:zlib";

/** Bytes. Everything of `.` together, the parser of Server-Sent Events included: less than a small icon. */
const BUDGETS = { "dist/index.mjs": 6144, "dist/core.mjs": 6144 };

let failed = false;
for (const [entry, budget] of Object.entries(BUDGETS)) {
  const bundle = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react"],
    write: false,
  });
  const size = gzipSync(bundle.outputFiles[0].contents, { level: 9 }).length;
  failed ||= size > budget;
  console.log(`${entry}: ${size} of ${budget} bytes gzipped${size > budget ? ", TOO LARGE" : ""}`);
}
process.exit(failed ? 1 : 0);
