/** Style and floors: imports go downward only, as drawn in `FLOORS`. */
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** From the ground up. A module may import those on lower floors (and React from the top floor only). */
const FLOORS = [
  ["errors", "patch"],
  ["protocol"],
  ["stream-state"],
  ["transports", "surroundings"],
  ["stream"],
  ["store"],
  ["channel"],
  ["instances"],
  ["core"],
  ["react"],
  ["index"],
];
const isFolder = (name) => name === "transports" || name === "react";

const floors = FLOORS.flatMap((names, level) =>
  names.map((name) => {
    const above = FLOORS.slice(level + 1).flat();
    const beside = isFolder(name) ? [] : names.filter((other) => other !== name);
    const forbidden = [...above, ...beside].flatMap((other) => [
      `./${other}`,
      `../${other}`,
      `./${other}/*`,
      `../${other}/*`,
    ]);
    const patterns = [];
    if (forbidden.length > 0)
      patterns.push({ group: forbidden, message: "Imports go downward only: see FLOORS in eslint.config.js." });
    if (name !== "react" && name !== "index")
      patterns.push({ group: ["react", "react-dom", "react/*"], message: "Only src/react knows React." });
    if (name !== "transports")
      patterns.push({ group: ["eventsource-parser"], message: "Only src/transports knows how events are framed." });
    return {
      files: [isFolder(name) ? `src/${name}/**` : `src/${name}.ts`],
      rules: { "no-restricted-imports": ["error", { patterns }] },
    };
  }),
);

export default tseslint.config(
  { ignores: ["dist", "coverage", "node_modules"] },
  {
    files: ["**/*.{ts,tsx}"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-empty-object-type": "off",
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", { max: 40, skipComments: true, skipBlankLines: true }],
    },
  },
  { files: ["src/react/**"], plugins: { "react-hooks": reactHooks }, rules: reactHooks.configs.recommended.rules },
  {
    files: ["tests/**", "bench/**"],
    rules: { "max-lines-per-function": "off", "@typescript-eslint/no-non-null-assertion": "off" },
  },
  ...floors,
);
