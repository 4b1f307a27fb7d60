/** Builds the page into .cache/e2e/pages/<mode>: as development for StrictMode, as production, yet with React's profiler. */
import { fileURLToPath } from "node:url";
import type { UserConfigFnObject } from "vite";

const config: UserConfigFnObject = ({ mode }) => ({
  root: import.meta.dirname,
  base: `/e2e/${mode}/`,
  cacheDir: fileURLToPath(new URL("../../../.cache/e2e/vite", import.meta.url)),
  resolve: {
    dedupe: ["react", "react-dom"],
    alias: mode === "production" ? { "react-dom/client": "react-dom/profiling" } : {},
  },
  build: {
    outDir: fileURLToPath(new URL(`../../../.cache/e2e/pages/${mode}`, import.meta.url)),
    emptyOutDir: true,
  },
});

export default config;
