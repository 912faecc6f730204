/** Which moods were told, so that after a break none is told twice and no turn of one is missed. */

import type { Messages } from "./stream.js";

interface Known {
  mood: string;
  likeliest: string;
  connection: number;
}

/** Moods of which it is known how they were told last; one of another is told again after a break, as it is. */
export const MOST = 4096;

/** The moods of agents as they were told last. */
export class Feelings {
  readonly #known = new Map<string, Known>();
  #connection = 0;

  /** Telling begins: the server does not know what was told before. */
  begin(): void {
    this.#connection += 1;
  }

  /** What is to be told for a mood: nothing if it is as it was; also that it turned, where the server could not know. */
  told(update: Messages["EmotionalUpdate"]): [] | [Messages["EmotionalUpdate"], Messages["PhaseTransition"]?] {
    const who = JSON.stringify([update.agent, update.branch]);
    const mood = JSON.stringify(update.mood);
    const likeliest = Object.keys(update.mood.emotions)[0] ?? "";
    const before = this.#known.get(who);
    this.#known.delete(who); // to the end: those told longest ago come first
    this.#known.set(who, { mood, likeliest, connection: this.#connection });
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value ?? "");
    if (before?.mood === mood) return [];
    const first = before?.connection !== this.#connection;
    if (!first || !before?.likeliest || !likeliest || before.likeliest === likeliest) return [update];
    const { subscription, position, agent, branch } = update;
    return [update, { type: "phase_transition", subscription, position, agent, branch, before: before.likeliest, after: likeliest }];
  }
}
