/** Which moods were told, so that after a break none is told twice and no turn of one is missed. */

import type { Messages } from "./stream.js";

interface Known {
  mood: string;
  likeliest: string;
}

/** The moods of agents as they were told last. */
export class Feelings {
  readonly #known = new Map<string, Known>();
  readonly #fresh = new Set<string>();

  /** Telling begins: the server does not know what was told before. */
  begin(): void {
    this.#fresh.clear();
  }

  /** What is to be told for a mood: nothing if it is as it was; also that it turned, where the server could not know. */
  told(update: Messages["EmotionalUpdate"]): [] | [Messages["EmotionalUpdate"], Messages["PhaseTransition"]?] {
    const who = JSON.stringify([update.agent, update.branch]);
    const mood = JSON.stringify(update.mood);
    const likeliest = Object.keys(update.mood.emotions)[0] ?? "";
    const before = this.#known.get(who);
    const first = !this.#fresh.has(who);
    this.#fresh.add(who);
    this.#known.set(who, { mood, likeliest });
    if (before?.mood === mood) return [];
    if (!first || !before?.likeliest || !likeliest || before.likeliest === likeliest) return [update];
    const { subscription, position, agent, branch } = update;
    return [update, { type: "phase_transition", subscription, position, agent, branch, before: before.likeliest, after: likeliest }];
  }
}
