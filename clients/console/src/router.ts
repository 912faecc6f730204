// Where the person is: the address's fragment, so that every view can be linked to and stands a reload.

import { useEffect, useState } from "preact/hooks";

export type Tab = "history" | "mood" | "memories" | "search";
export const TABS: readonly Tab[] = ["history", "mood", "memories", "search"];

export type Route =
  | { view: "agents" }
  | { view: "health" }
  | { view: "agent"; agent: string; tab: Tab }
  | { view: "memory"; agent: string; memory: string }
  | { view: "nowhere" };

export interface Place {
  route: Route;
  query: URLSearchParams;
}

/** What a fragment stands for, as `#/agents/alice/mood?branch=main`. */
export function parsed(fragment: string): Place {
  const [path = "", query = ""] = fragment.replace(/^#/, "").split(/\?(.*)/s);
  return { route: routed(path), query: new URLSearchParams(query) };
}

function routed(path: string): Route {
  let parts: string[];
  try {
    parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return { view: "nowhere" }; // a percent sign that stands for nothing
  }
  const [first = "agents", agent, tab = "history", memory] = parts;
  if (first === "health" && parts.length === 1) return { view: "health" };
  if (first !== "agents" || parts.length > 4) return { view: "nowhere" };
  if (agent === undefined) return { view: "agents" };
  if (memory !== undefined) return tab === "memories" ? { view: "memory", agent, memory } : { view: "nowhere" };
  return isTab(tab) ? { view: "agent", agent, tab } : { view: "nowhere" };
}

function isTab(text: string): text is Tab {
  return (TABS as readonly string[]).includes(text);
}

/** The address of a view. What is nothing or empty is left out of the query. */
export function href(route: Exclude<Route, { view: "nowhere" }>, query: Record<string, string | null | undefined> = {}): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) asked.set(name, value);
  const said = asked.toString();
  return `#${pathOf(route)}${said === "" ? "" : `?${said}`}`;
}

function pathOf(route: Exclude<Route, { view: "nowhere" }>): string {
  switch (route.view) {
    case "agents":
      return "/agents";
    case "health":
      return "/health";
    case "agent":
      return `/agents/${encodeURIComponent(route.agent)}/${route.tab}`;
    case "memory":
      return `/agents/${encodeURIComponent(route.agent)}/memories/${encodeURIComponent(route.memory)}`;
  }
}

/** Where the person is now. */
export function usePlace(): Place {
  const [fragment, setFragment] = useState(location.hash);
  useEffect(() => {
    const changed = (): void => setFragment(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return parsed(fragment);
}
