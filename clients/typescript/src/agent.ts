/** One agent: its operations, called as the OpenAPI document calls them. */

import type { Brought, Caller } from "./client.js";
import { jsonLines, type Lines, linesOf, whole } from "./lines.js";
import type { Answer, Body, OperationName, Options, Upload } from "./types.js";

/** What a stream of memories is answered with, a line each. */
export type StreamAnswer = { event: "refused" | "progress" | "done" | "failed"; line: number; remembered?: number } & Record<
  string,
  unknown
>;

/** An agent as one client sees it. Holds no state. */
export class Agent {
  /** @param branch what `branch` is in calls that do not say one; the agent's first one when left out. */
  constructor(
    private readonly caller: Caller,
    readonly name: string,
    readonly branch?: string,
  ) {}

  // Agents

  /** Makes the agent, or finds that it is there. */
  makeAgent(options: Options<"makeAgent"> = {}): Promise<Answer<"makeAgent">> {
    return this.#json("makeAgent", {}, options);
  }

  /** What it is. */
  readAgent(options: Options<"readAgent"> = {}): Promise<Answer<"readAgent">> {
    return this.#json("readAgent", {}, options);
  }

  // Remembering and asking

  /** Remembers one thing. When this is answered, it is on disk. */
  remember(said: Body<"remember">, options: Options<"remember"> = {}): Promise<Answer<"remember">> {
    return this.#json("remember", { json: said }, options);
  }

  /** Remembers several things, all or none. */
  rememberMany(said: Body<"rememberMany">, options: Options<"rememberMany"> = {}): Promise<Answer<"rememberMany">> {
    return this.#json("rememberMany", { json: said }, options);
  }

  /** What it remembers about something, best first. */
  recall(question: Body<"recall">, options: Options<"recall"> = {}): Promise<Answer<"recall">> {
    return this.#json("recall", { json: question }, options);
  }

  /** What it knows of something, as part of a prompt. */
  context(question: Body<"context">, options: Options<"context"> = {}): Promise<Answer<"context">> {
    return this.#json("context", { json: question }, options);
  }

  // Moods

  /** How it feels. */
  readMood(options: Options<"readMood"> = {}): Promise<Answer<"readMood">> {
    return this.#json("readMood", {}, options);
  }

  /** The mood after each event, latest first, a page of them. */
  readMoodHistory(options: Options<"readMoodHistory"> = {}): Promise<Answer<"readMoodHistory">> {
    return this.#json("readMoodHistory", {}, options);
  }

  /** Lets it feel something that is no memory. */
  feel(felt: Body<"feel">, options: Options<"feel"> = {}): Promise<Answer<"feel">> {
    return this.#json("feel", { json: felt }, options);
  }

  // Memories

  /** The memories of a branch, in the order of adding, a page of them. */
  listMemories(options: Options<"listMemories"> = {}): Promise<Answer<"listMemories">> {
    return this.#json("listMemories", {}, options);
  }

  /** One memory. */
  readMemory(memory: string, options: Options<"readMemory"> = {}): Promise<Answer<"readMemory">> {
    return this.#json("readMemory", { path: { memory } }, options);
  }

  /** Rewrites a memory. */
  reviseMemory(
    memory: string,
    revision: Body<"reviseMemory">,
    options: Options<"reviseMemory"> = {},
  ): Promise<Answer<"reviseMemory">> {
    return this.#json("reviseMemory", { path: { memory }, json: revision }, options);
  }

  /** Forgets a memory. */
  forgetMemory(memory: string, options: Options<"forgetMemory"> = {}): Promise<Answer<"forgetMemory">> {
    return this.#json("forgetMemory", { path: { memory } }, options);
  }

  /** Where a memory comes from. */
  readProvenance(options: Options<"readProvenance">): Promise<Answer<"readProvenance">> {
    return this.#json("readProvenance", {}, options);
  }

  /** Forgets several memories, all or none. */
  forget(memories: Body<"forget">, options: Options<"forget"> = {}): Promise<Answer<"forget">> {
    return this.#json("forget", { json: memories }, options);
  }

  // History

  /** What happened on a branch and those it came from, newest first, a page of it. */
  readLog(options: Options<"readLog"> = {}): Promise<Answer<"readLog">> {
    return this.#json("readLog", {}, options);
  }

  /** Names the place where a branch stands. */
  checkpoint(named: Body<"checkpoint">, options: Options<"checkpoint"> = {}): Promise<Answer<"checkpoint">> {
    return this.#json("checkpoint", { json: named }, options);
  }

  /** The checkpoints, oldest first, a page of them. */
  listCommits(options: Options<"listCommits"> = {}): Promise<Answer<"listCommits">> {
    return this.#json("listCommits", {}, options);
  }

  /** The tags, by name, a page of them. */
  listTags(options: Options<"listTags"> = {}): Promise<Answer<"listTags">> {
    return this.#json("listTags", {}, options);
  }

  /** Gives a place a name, or the name another place. */
  putTag(tag: string, place: Body<"putTag">, options: Options<"putTag"> = {}): Promise<Answer<"putTag">> {
    return this.#json("putTag", { path: { tag }, json: place }, options);
  }

  /** Takes a tag away. */
  dropTag(tag: string, options: Options<"dropTag"> = {}): Promise<Answer<"dropTag">> {
    return this.#json("dropTag", { path: { tag } }, options);
  }

  /** What one place has and another has not, or otherwise. */
  diff(options: Options<"diff">): Promise<Answer<"diff">> {
    return this.#json("diff", {}, options);
  }

  /** How the branches hang together. */
  readTree(options: Options<"readTree"> = {}): Promise<Answer<"readTree">> {
    return this.#json("readTree", {}, options);
  }

  /** Who changed what of it, on all its branches. */
  readAudit(options: Options<"readAudit"> = {}): Promise<Answer<"readAudit">> {
    return this.#json("readAudit", {}, options);
  }

  // Branches

  /** The branches, oldest first, a page of them. */
  listBranches(options: Options<"listBranches"> = {}): Promise<Answer<"listBranches">> {
    return this.#json("listBranches", {}, options);
  }

  /** Deletes a branch. */
  deleteBranch(branch: string, options: Options<"deleteBranch"> = {}): Promise<Answer<"deleteBranch">> {
    return this.#json("deleteBranch", { path: { branch } }, options);
  }

  /** Begins a branch that can be merged back. */
  fork(named: Body<"fork">, options: Options<"fork"> = {}): Promise<Answer<"fork">> {
    return this.#json("fork", { json: named }, options);
  }

  /** Makes an agent that shares this one's past. */
  clone(named: Body<"clone">, options: Options<"clone"> = {}): Promise<Answer<"clone">> {
    return this.#json("clone", { json: named }, options);
  }

  /** Is again as at an earlier place, whole or in parts. */
  rollback(back: Body<"rollback">, options: Options<"rollback"> = {}): Promise<Answer<"rollback">> {
    return this.#json("rollback", { json: back }, options);
  }

  /** Takes over what another branch has learned. */
  merge(merged: Body<"merge">, options: Options<"merge"> = {}): Promise<Answer<"merge">> {
    return this.#json("merge", { json: merged }, options);
  }

  // Knowledge

  /** What its memories are about. */
  listConcepts(options: Options<"listConcepts"> = {}): Promise<Answer<"listConcepts">> {
    return this.#json("listConcepts", {}, options);
  }

  /** The relations that it knows of. */
  listRelations(options: Options<"listRelations"> = {}): Promise<Answer<"listRelations">> {
    return this.#json("listRelations", {}, options);
  }

  /** Knows how something stands to something. */
  relate(relation: Body<"relate">, options: Options<"relate"> = {}): Promise<Answer<"relate">> {
    return this.#json("relate", { json: relation }, options);
  }

  /** Knows that a relation holds no longer. */
  unrelate(relation: Body<"unrelate">, options: Options<"unrelate"> = {}): Promise<Answer<"unrelate">> {
    return this.#json("unrelate", { json: relation }, options);
  }

  /** What is near something, and what binds it. */
  listNeighbours(options: Options<"listNeighbours">): Promise<Answer<"listNeighbours">> {
    return this.#json("listNeighbours", {}, options);
  }

  /** The ways between two things. */
  listPaths(options: Options<"listPaths">): Promise<Answer<"listPaths">> {
    return this.#json("listPaths", {}, options);
  }

  // Skills

  /** The skills that fit a situation, or all. */
  listSkills(options: Options<"listSkills"> = {}): Promise<Answer<"listSkills">> {
    return this.#json("listSkills", {}, options);
  }

  /** Learns a skill, or rewrites one. */
  learn(skill: Body<"learn">, options: Options<"learn"> = {}): Promise<Answer<"learn">> {
    return this.#json("learn", { json: skill }, options);
  }

  /** Learns a skill from what was done. */
  learnFrom(episodes: Body<"learnFrom">, options: Options<"learnFrom"> = {}): Promise<Answer<"learnFrom">> {
    return this.#json("learnFrom", { json: episodes }, options);
  }

  /** Notes that a skill was used, and how that went. */
  practise(practice: Body<"practise">, options: Options<"practise"> = {}): Promise<Answer<"practise">> {
    return this.#json("practise", { json: practice }, options);
  }

  // Streams, files and archives

  /**
   * Remembers many memories with progress: a line of answer for each that was refused, for how far it came, and at the end.
   * The same stream sent again adds nothing; that is how to go on after it was cut off.
   */
  async *rememberStream(memories: Lines<Body<"remember">>, options: Options<"rememberStream"> = {}): AsyncGenerator<StreamAnswer> {
    const upload = { body: await jsonLines(memories), media: "application/x-ndjson" };
    const response = await this.#raw("rememberStream", { upload }, options);
    for await (const line of linesOf(response)) yield JSON.parse(line) as StreamAnswer;
  }

  /** The memories of a branch, as lines of JSON or of a transcript. */
  async *exportMemories(options: Options<"exportMemories"> = {}): AsyncGenerator<string> {
    yield* linesOf(await this.#raw("exportMemories", {}, options));
  }

  /** Remembers what a file holds. `media` is what kind of file it is, as `text/plain`. */
  importMemories(
    file: Upload,
    media: string,
    options: Options<"importMemories"> = {},
  ): Promise<Answer<"importMemories">> {
    return this.#json("importMemories", { upload: { body: file, media } }, options);
  }

  /** The agent with its whole history and all its branches, as an archive. */
  async exportArchive(options: Options<"exportArchive"> = {}): Promise<Blob> {
    return whole((await this.#raw("exportArchive", {}, options)).blob());
  }

  /** Takes in an archive under this agent's name, which must be free. Sent again under its key, it is taken in once. */
  importArchive(archive: Upload, options: Options<"importArchive"> = {}): Promise<Answer<"importArchive">> {
    return this.#json("importArchive", { upload: { body: archive, media: "application/octet-stream" } }, options);
  }

  #json<O extends OperationName>(name: O, brought: Brought, options: Options<O>): Promise<Answer<O>> {
    return this.caller.json(name, this.#own(brought), this.#branched(options));
  }

  #raw<O extends OperationName>(name: O, brought: Brought, options: Options<O>): Promise<Response> {
    return this.caller.raw(name, this.#own(brought), this.#branched(options));
  }

  #own(brought: Brought): Brought {
    return { ...brought, path: { ...brought.path, agent: this.name } };
  }

  #branched<O extends OperationName>(options: Options<O>): Options<O> {
    return this.branch === undefined ? options : { branch: this.branch, ...options };
  }
}
