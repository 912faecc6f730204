// Light or dark: as the system has it, or as the person says.

import { useEffect, useState } from "preact/hooks";

export type Theme = "auto" | "light" | "dark";
const KEPT = "quantum-memory.theme";
const THEMES: readonly Theme[] = ["auto", "light", "dark"];

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(() => THEMES.find((one) => one === localStorage.getItem(KEPT)) ?? "auto");
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
    localStorage.setItem(KEPT, theme);
  }, [theme]);
  return [theme, setTheme];
}
