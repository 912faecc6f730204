/** One project of the library: its operations, called as the OpenAPI document calls them, and its entries by kind. */

import type { Caller } from "./client.js";
import type { Answer, Body, CallOptions, Options, Schemas } from "./types.js";

export type Entry = Schemas["EntryTold"];
type Kind = Entry["kind"];
type Kept = Body<"addEntry">;
/** What can be said of a new entry beside its title, and what its kind holds. */
export type Standing = Partial<Pick<Kept, "tags" | "tier" | "id">>;
/** What is to be another of an entry. */
export type Change = Omit<Body<"updateEntry">, "version">;

/** The entries of one kind. */
abstract class Entries {
  constructor(
    protected readonly project: Project,
    private readonly kind: Kind,
  ) {}

  /** One of them, with all of its text. */
  get(entry: string, options: CallOptions = {}): Promise<Entry> {
    return this.project.readEntry(entry, options);
  }

  /** Some of them without their texts, by when they were made, a page of them. */
  list(options: Omit<Options<"listEntries">, "kind"> = {}): Promise<Answer<"listEntries">> {
    return this.project.listEntries({ ...options, kind: this.kind });
  }

  /** Changes one, or moves it to another tier or project; a Conflict if it is not of that version any more. */
  update(entry: string, version: number, change: Change, options: CallOptions = {}): Promise<Entry> {
    return this.project.updateEntry(entry, { ...change, version }, options);
  }

  /** Takes one away, if it is of that version. */
  delete(entry: string, version?: number, options: CallOptions = {}): Promise<void> {
    return this.project.deleteEntry(entry, version === undefined ? options : { ...options, version });
  }

  protected add(holds: Omit<Kept, "kind">, options: CallOptions): Promise<Entry> {
    return this.project.addEntry({ ...holds, kind: this.kind }, options);
  }
}

/** What is to be kept to. */
export class Rules extends Entries {
  /** Keeps a rule; the one with the greater priority is told first. */
  create(
    rule: { title: string; text: string; priority?: number; enabled?: boolean } & Standing,
    options: CallOptions = {},
  ): Promise<Entry> {
    return this.add(rule, options);
  }
}

/** Texts. */
export class Documents extends Entries {
  /** Keeps a document, and in `uri` where it comes from. */
  create(document: { title: string; text: string; uri?: string } & Standing, options: CallOptions = {}): Promise<Entry> {
    return this.add(document, options);
  }
}

/** What is elsewhere. */
export class References extends Entries {
  /** Keeps a reference: its URL or DOI, and as its text an abstract or a note. */
  create(reference: { title: string; uri: string; text?: string } & Standing, options: CallOptions = {}): Promise<Entry> {
    return this.add(reference, options);
  }
}

/** A project as one client sees it. Holds no state. */
export class Project {
  readonly rules = new Rules(this, "rule");
  readonly documents = new Documents(this, "document");
  readonly references = new References(this, "reference");

  constructor(
    private readonly caller: Caller,
    readonly name: string,
  ) {}

  /** What it has on something, best first, with the passages that were found and the parts of their scores. */
  search(question: Omit<Body<"searchLibrary">, "projects">, options: CallOptions = {}): Promise<Answer<"searchLibrary">> {
    return this.caller.json("searchLibrary", { json: { ...question, projects: [this.name] } }, options);
  }

  /** The entries of the project without their texts, by when they were made, a page of them. */
  listEntries(options: Options<"listEntries"> = {}): Promise<Answer<"listEntries">> {
    return this.caller.json("listEntries", { path: this.#path() }, options);
  }

  /** Keeps a rule, a document or a reference. */
  addEntry(entry: Kept, options: Options<"addEntry"> = {}): Promise<Answer<"addEntry">> {
    return this.caller.json("addEntry", { path: this.#path(), json: entry }, options);
  }

  /** One entry, with all of its text. */
  readEntry(entry: string, options: Options<"readEntry"> = {}): Promise<Answer<"readEntry">> {
    return this.caller.json("readEntry", { path: this.#path(entry) }, options);
  }

  /** Changes an entry, or moves it. */
  updateEntry(
    entry: string,
    change: Body<"updateEntry">,
    options: Options<"updateEntry"> = {},
  ): Promise<Answer<"updateEntry">> {
    return this.caller.json("updateEntry", { path: this.#path(entry), json: change }, options);
  }

  /** Takes an entry away. */
  deleteEntry(entry: string, options: Options<"deleteEntry"> = {}): Promise<Answer<"deleteEntry">> {
    return this.caller.json("deleteEntry", { path: this.#path(entry) }, options);
  }

  #path(entry?: string): Record<string, string> {
    return entry === undefined ? { project: this.name } : { project: this.name, entry };
  }
}
