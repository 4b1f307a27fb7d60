import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.{ts,tsx}"],
    reporters: ["default", "./tests/closing-line.ts"],
    sequence: { shuffle: true },
    // Milliseconds until a condition that is waited for counts as missed, on a machine that is busy with something else.
    testTimeout: 30_000,
    coverage: {
      provider: "v8",
      include: ["src/**"],
      reporter: ["text"],
      thresholds: {
        // What is pure has no excuse.
        "src/{protocol,patch,stream-state}.ts": { branches: 100, lines: 100, functions: 100, statements: 100 },
      },
    },
  },
});
