import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Where Django listens while `npm run dev` serves the page.
const DJANGO = process.env.DJANGO_URL ?? "http://127.0.0.1:8000";

export default defineConfig(({ command }) => ({
  plugins: [react()],
  // The built files are among Django's static files; index.html is handed out by board/views.py.
  base: command === "build" ? "/static/" : "/",
  // The runtime is linked and has a React of its own beside it, for its tests; hooks need the one that renders.
  resolve: { dedupe: ["react", "react-dom"] },
  server: {
    proxy: Object.fromEntries(["/api", "/rx", "/admin", "/static"].map((path) => [path, { target: DJANGO }])),
  },
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.{ts,tsx}"],
    reporters: ["default", "./tests/closing-line.ts"],
    sequence: { shuffle: true },
  },
}));
