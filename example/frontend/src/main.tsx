import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { subscribe } from "./session/session";
import { applyTheme } from "./shell/theme";
import "./styles/index.css";

applyTheme();

// What one chooses from (projects, people, tags) is asked for; what is on the board is streamed.
const queries = new QueryClient({ defaultOptions: { queries: { staleTime: 30_000, retry: 1 } } });
subscribe(() => queries.clear()); // Nobody sees what was asked for in somebody else's name.

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id “root”.");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
