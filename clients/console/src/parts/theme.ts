// Light or dark: as the system has it, or as the person says.

import { useLayoutEffect, useState } from "preact/hooks";

export type Theme = "auto" | "light" | "dark";
const KEPT = "quantum-memory.theme";
const THEMES: readonly Theme[] = ["auto", "light", "dark"];

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(() => THEMES.find((one) => one === localStorage.getItem(KEPT)) ?? "auto");
  useLayoutEffect(() => {
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  // Kept at once, not in an effect: those run after the next frame, and a page that is left before then forgets.
  const choose = (chosen: Theme) => {
    localStorage.setItem(KEPT, chosen);
    setTheme(chosen);
  };
  return [theme, choose];
}
