/** Holds the size budget: what a page downloads for the core and the hooks, gzipped, React left out. */
import { build } from "esbuild";
import { gzipSync } from "node:zlib";

/** Bytes, of everything that an entry exports. */
const BUDGETS = { "dist/index.mjs": 6144, "dist/core.mjs": 5632 };

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
  const sizes = outputFiles.map((file) => [file.path.split("/").pop(), gzipSync(file.contents, { level: 9 }).length]);
  const first = sizes.filter(([name]) => !name.startsWith("fetch-"));
  const size = first.reduce((sum, [, bytes]) => sum + bytes, 0);
  failed ||= size > budget;
  console.log(`${entry}: ${size} of ${budget} bytes gzipped${size > budget ? ", TOO LARGE" : ""}`);
  for (const [name, bytes] of sizes) console.log(`  ${name}: ${bytes}`);
}
process.exit(failed ? 1 : 0);
