import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/index.ts", "src/core.ts"],
  format: ["esm", "cjs"],
  platform: "neutral",
  target: "es2022",
  dts: true,
  // .mjs and .cjs, whatever the platform.
  fixedExtension: true,
  clean: true,
});
