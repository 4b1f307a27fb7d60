/** Prints `N passed, N failed` alone on the last line, for whoever counts tests; knows nothing of what they test. */
import type { Reporter, TestModule } from "vitest/node";

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    for (const module of modules) {
      // A module that could not even be read has no tests, and is a failure all the same.
      if (module.errors().length > 0) failed += 1;
      for (const test of module.children.allTests()) {
        if (test.result().state === "passed") passed += 1;
        else failed += 1;
      }
    }
    // When everything else has been printed, the table of coverage too.
    process.once("exit", () => {
      process.stdout.write(`${String(passed)} passed, ${String(failed)} failed\n`);
    });
  }
}
