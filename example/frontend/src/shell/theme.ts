/** Light or dark: the system's choice until somebody makes another one here. */
const KEY = "board.theme";

export type Theme = "light" | "dark";

export function applyTheme(): void {
  document.documentElement.style.colorScheme = localStorage.getItem(KEY) ?? "";
}

export function toggleTheme(): void {
  const system: Theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const shown = localStorage.getItem(KEY) ?? system;
  const next: Theme = shown === "dark" ? "light" : "dark";
  if (next === system) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  applyTheme();
}
