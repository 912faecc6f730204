// Made by `npm run generate` from the application. Not to be edited.

export interface paths {
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Brief
         * @description Whether this replica serves.
         *
         *     Takes no credential.
         */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/detailed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Detailed
         * @description The pools, the vault, how far views are behind, and what went wrong last. What is away is named.
         *
         *     Takes the role `admin`.
         */
        get: operations["healthDetailed"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/gpu": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Gpus
         * @description The GPUs of the nodes, and what the actors have taken of them.
         *
         *     Takes the role `admin`.
         */
        get: operations["healthGpu"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Metrics
         * @description What all nodes export of this product and of Serve, as Prometheus reads it.
         *
         *     Takes the role `admin`.
         */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The agents that the caller sees, by name.
         * @description An agent that is made while somebody reads the pages may be on one of them or not; no other is missed for it.
         *
         *     Takes the role `reader`.
         */
        get: operations["listAgents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One agent.
         * @description Takes the role `reader`.
         */
        get: operations["readAgent"];
        /**
         * Make an agent, or find that it is there.
         * @description Making it again changes nothing.
         *
         *     Takes the role `writer`.
         */
        put: operations["makeAgent"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/archive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * An agent with its whole history and all its branches.
         * @description Also what was forgotten or rolled back: it is in the history. So is the past that it shares with agents that it
         *     was cloned from; they, their branches and whoever wrote are not named.
         *
         *     Takes the role `reader`.
         */
        get: operations["exportArchive"];
        put?: never;
        /**
         * Take in an archive as an agent that is not there yet.
         * @description It is what `exportArchive` answers. Whatever the agent was called, it is called this here, and its branches and
         *     checkpoints get ids of their own.
         *
         *     Takes the role `writer`.
         */
        post: operations["importArchive"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who changed what of an agent, on all its branches.
         * @description Newest first. What is done while somebody reads the pages is before the first.
         *
         *     Takes the role `admin`.
         */
        get: operations["readAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/branches": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The branches of an agent, oldest first.
         * @description A branch that is deleted while somebody reads the pages ends the list there: its cursor is one no more.
         *
         *     Takes the role `reader`.
         */
        get: operations["listBranches"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/branches/{branch}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete a branch.
         * @description Its children live on; the first branch of an agent cannot be deleted.
         *
         *     Takes the role `admin`.
         */
        delete: operations["deleteBranch"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/checkpoint": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Name the place where a branch stands.
         * @description To come back to it: by its id, or by its message.
         *
         *     Takes the role `writer`.
         */
        post: operations["checkpoint"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/clone": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an agent that shares this one's past.
         * @description Nothing is copied.
         *
         *     Takes the role `writer`.
         */
        post: operations["clone"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/commits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The checkpoints of an agent, oldest first.
         * @description On all of its branches.
         *
         *     Takes the role `reader`.
         */
        get: operations["listCommits"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/concepts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What an agent's memories are about.
         * @description Concepts by quantum PageRank over its semantic graph.
         *
         *     Takes the role `reader`.
         */
        get: operations["listConcepts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/context": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What an agent knows of something, as part of a prompt.
         * @description What memories say is quoted: it is data, and no instruction to whoever reads it.
         *
         *     Takes the role `reader`.
         */
        post: operations["context"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What one place has and another has not, or otherwise.
         * @description The right one is where the branch stands when left out.
         *
         *     Takes the role `reader`.
         */
        get: operations["diff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The memories of a branch, as lines.
         * @description In the order in which they were added. All of it is of one place: what is added, rewritten or forgotten meanwhile
         *     is not in it.
         *
         *     Takes the role `reader`.
         */
        get: operations["exportMemories"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/feel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let an agent feel something that is no memory.
         * @description Answers where the branch stands then.
         *
         *     Takes the role `writer`.
         */
        post: operations["feel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/forget": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Forget several memories, all or none.
         * @description They are found no more on this branch; forks that were made before keep theirs.
         *
         *     Takes the role `writer`.
         */
        post: operations["forget"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/fork": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin a branch that can be merged back.
         * @description Nothing is copied.
         *
         *     Takes the role `writer`.
         */
        post: operations["fork"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Remember what a file holds: JSON lines, chats, exports of other memories.
         * @description All of it is read once before the first memory is written, unless what is bad may be skipped. Importing the same
         *     again adds nothing. Under an `Idempotency-Key`, `added` is what the agent has come to know of it since the first
         *     attempt was begun, also where that was cut off.
         *
         *     Takes the role `writer`.
         */
        post: operations["importMemories"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What happened on a branch and those it came from, newest first.
         * @description What happens while somebody reads the pages is on none of them. With `memory`, how that one came to be as it is:
         *     the whole history is looked through for it. Rollbacks of memories are told too, since they may have taken it back.
         *
         *     Takes the role `reader`.
         */
        get: operations["readLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/memories": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The memories of a branch, in the order of adding.
         * @description All pages are of the place where the branch stood when the first was read: what is added, rewritten or forgotten
         *     meanwhile is in none of them, and moves nothing.
         *
         *     Takes the role `reader`.
         */
        get: operations["listMemories"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/memories/{memory}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One memory.
         * @description By its id.
         *
         *     Takes the role `reader`.
         */
        get: operations["readMemory"];
        put?: never;
        post?: never;
        /**
         * Forget a memory.
         * @description It is found no more on this branch; forks that were made before keep theirs.
         *
         *     Takes the role `writer`.
         */
        delete: operations["forgetMemory"];
        options?: never;
        head?: never;
        /**
         * Rewrite a memory.
         * @description What is given takes the place of what was there; a new text is perceived anew.
         *
         *     Takes the role `writer`.
         */
        patch: operations["reviseMemory"];
        trace?: never;
    };
    "/v1/agents/{agent}/merge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take over what another branch has learned.
         * @description The other branch is not changed. Merging again finds nothing new.
         *
         *     Takes the role `writer`.
         */
        post: operations["merge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/mood": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How an agent feels.
         * @description Takes the role `reader`.
         */
        get: operations["readMood"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/mood/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The mood after each event, latest first.
         * @description The next page goes on before the last event of this one.
         *
         *     Takes the role `reader`.
         */
        get: operations["readMoodHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/neighbours": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What is near something, and what binds it.
         * @description The nearest first, and of these the strongest bonds. With a time only relations are followed: those that held
         *     then.
         *
         *     Takes the role `reader`.
         */
        get: operations["listNeighbours"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/paths": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The ways between two things.
         * @description The shortest first. With a time only relations are followed: those that held then. Among very many concepts not
         *     all are looked at; ways that are left out are no shorter than those told.
         *
         *     Takes the role `reader`.
         */
        get: operations["listPaths"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/provenance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where a memory comes from.
         * @description What it was made of, where it was made of other memories, and what was made of it.
         *
         *     Takes the role `reader`.
         */
        get: operations["readProvenance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/recall": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What an agent remembers about something, best first.
         * @description Each hit says what its score is made of. Where a part of memory is away, the answer comes without it.
         *
         *     Takes the role `reader`.
         */
        post: operations["recall"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/relations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The relations that an agent knows of.
         * @description All that hold, or those with something of a name at either end.
         *
         *     Takes the role `reader`.
         */
        get: operations["listRelations"];
        put?: never;
        /**
         * Know how something stands to something.
         * @description Answers the relation as it is known then.
         *
         *     Takes the role `writer`.
         */
        post: operations["relate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/relations/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Know that a relation holds no longer.
         * @description It is still known of any time before.
         *
         *     Takes the role `writer`.
         */
        post: operations["unrelate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/remember": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Remember one thing.
         * @description When this answers, it is on disk.
         *
         *     Takes the role `writer`.
         */
        post: operations["remember"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/remember/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Remember several things, all or none.
         * @description In their order. When this answers, they are on disk.
         *
         *     Takes the role `writer`.
         */
        post: operations["rememberMany"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/remember/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Remember a stream of JSON lines, with progress.
         * @description Each line is what `remember` takes. The answer begins before the stream ends; read it meanwhile. What it says is
         *     remembered is on disk. Lines without an id get one made of what they say and of all before them, so sending the
         *     same stream again adds nothing: that is how to go on after it was cut off.
         *
         *     Takes the role `writer`.
         */
        post: operations["rememberStream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Be again as at an earlier place, whole or in parts.
         * @description Answers where the branch stands then. It is an event itself: roll back to before it to undo it.
         *
         *     Takes the role `writer`.
         */
        post: operations["rollback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/skills": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The skills that fit a situation, or all.
         * @description Each says how well it fits, and why.
         *
         *     Takes the role `reader`.
         */
        get: operations["listSkills"];
        put?: never;
        /**
         * Learn a skill, or rewrite one.
         * @description The counts of one with the same name go on.
         *
         *     Takes the role `writer`.
         */
        post: operations["learn"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/skills/from-episodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Learn a skill from what was done.
         * @description The steps that went well, in order, those that all attempts share.
         *
         *     Takes the role `writer`.
         */
        post: operations["learnFrom"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/skills/practise": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Note that a skill was used, and how that went.
         * @description Answers the skill with its counts.
         *
         *     Takes the role `writer`.
         */
        post: operations["practise"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/tags": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The tags of an agent, by name.
         * @description On all of its branches.
         *
         *     Takes the role `reader`.
         */
        get: operations["listTags"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/tags/{tag}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Give a place a name, or the name another place.
         * @description A name that another place has is only moved where that is said.
         *
         *     Takes the role `writer`.
         */
        put: operations["putTag"];
        post?: never;
        /**
         * Take a tag away.
         * @description Harmless if there is none of this name.
         *
         *     Takes the role `writer`.
         */
        delete: operations["dropTag"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{agent}/tree": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How the branches of an agent hang together.
         * @description Forks, merges, tags and checkpoints, to be drawn.
         *
         *     Takes the role `reader`.
         */
        get: operations["readTree"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/caller": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who asks, and what he may.
         * @description A client can see by it what would be refused, and not offer that.
         *
         *     Takes the role `reader`.
         */
        get: operations["readCaller"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/denials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What callers of the tenant were denied lately, newest first.
         * @description About agents that the caller sees, and about none if he sees all. A page may hold fewer than were asked for.
         *
         *     Takes the role `admin`.
         */
        get: operations["listDenials"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/library/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What the library has on something, best first.
         * @description Entries of all tiers that the caller may read, with what was found of them and the parts of each score.
         *
         *     Takes the role `reader`.
         */
        post: operations["searchLibrary"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The projects that the caller may read something of, by name.
         * @description A project is there from its first entry on.
         *
         *     Takes the role `reader`.
         */
        get: operations["listProjects"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The entries of a project, in the order of making.
         * @description Without their texts. What is added while somebody reads the pages is at their end.
         *
         *     Takes the role `reader`.
         */
        get: operations["listEntries"];
        put?: never;
        /**
         * Keep a rule, a document or a reference.
         * @description When this answers, it is on disk and can be found. It takes a clearance for its tier.
         *
         *     Takes the role `writer`.
         */
        post: operations["addEntry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/entries/{entry}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One entry, with all of its text.
         * @description Its version is also the `ETag`.
         *
         *     Takes the role `reader`.
         */
        get: operations["readEntry"];
        put?: never;
        post?: never;
        /**
         * Take an entry away.
         * @description It is found no more; the history of its shelf keeps it, as that of an agent keeps what was forgotten.
         *
         *     Takes the role `writer`.
         */
        delete: operations["deleteEntry"];
        options?: never;
        head?: never;
        /**
         * Change an entry, or move it.
         * @description The version that was seen has to be said. If somebody has changed it since, it is a conflict. The same request
         *     again changes nothing more, and finishes what was cut off.
         *
         *     Takes the role `writer`.
         */
        patch: operations["updateEntry"];
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * AgentName
         * @description An agent by its name.
         */
        AgentName: {
            /**
             * Name
             * @example alice
             */
            name: string;
        };
        /**
         * AgentTold
         * @description An agent, and its first branch.
         */
        AgentTold: {
            /**
             * Branch
             * @example main
             */
            branch: string;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Name
             * @example alice
             */
            name: string;
        };
        /**
         * ArchiveTold
         * @description What an archive brought, or would bring.
         */
        ArchiveTold: {
            /** Agent */
            agent: string;
            /** Branches */
            branches: number;
            /** Commits */
            commits: number;
            /** Events */
            events: number;
            /**
             * Inherited
             * @description How many other agents' past it shares; they are no agents here.
             */
            inherited: number;
            /**
             * Steps
             * @description What was migrated while reading.
             */
            steps: string[];
            /** Tags */
            tags: number;
            /** Version */
            version: number;
        };
        /**
         * AuditTold
         * @description Who changed what, and when.
         */
        AuditTold: {
            /** Action */
            action: string;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Branch */
            branch: string | null;
            /** Detail */
            detail: string;
            /** Position */
            position: number;
            /** Seq */
            seq: number | null;
            /** Who */
            who: string;
        };
        /**
         * Away
         * @description A part that did not answer.
         */
        Away: {
            /** Detail */
            detail: string;
            /**
             * Error
             * @description The error's class.
             * @example DeadlineExceeded
             */
            error: string;
            /**
             * Part
             * @example EpisodicMemoryActor-0
             */
            part: string;
        };
        /**
         * BadEntry
         * @description An entry that could not be read, and why.
         */
        BadEntry: {
            /** Place */
            place: string;
            /** Reason */
            reason: string;
        };
        /**
         * BondTold
         * @description What holds two concepts together.
         */
        BondTold: {
            /** Relations */
            relations: components["schemas"]["RelationTold"][];
            /**
             * Together
             * @description In how many memories they stand close together.
             */
            together: number;
            /** Weight */
            weight: number;
        };
        /**
         * BranchTold
         * @description A named line of history: its parent, by id, and the last event that they share.
         */
        BranchTold: {
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Fork Seq */
            fork_seq: number;
            /** Id */
            id: string;
            /**
             * Kind
             * @enum {string}
             */
            kind: "root" | "fork" | "clone" | "transaction";
            /** Name */
            name: string;
            /** Parent */
            parent: string | null;
        };
        /**
         * CallerTold
         * @description Who asks, and what he may.
         */
        CallerTold: {
            /**
             * Agents
             * @description Patterns of the names of the agents that he sees.
             */
            agents: string[];
            /**
             * Channels
             * @description What he may subscribe to on the stream.
             */
            channels: ("mood" | "memories" | "history")[];
            /**
             * Clearance
             * @description The highest tier of the library that he may read.
             * @enum {string}
             */
            clearance: "open" | "internal" | "restricted";
            /**
             * Projects
             * @description Patterns of the names of the projects that he reaches.
             */
            projects: string[];
            /**
             * Role
             * @enum {string}
             */
            role: "reader" | "writer" | "admin";
            /**
             * Subject
             * @description Who it is, as the audit says.
             * @example key:0f3a9b27c1d84e65
             */
            subject: string;
            /** Tenant */
            tenant: string;
        };
        /**
         * CommitTold
         * @description A checkpoint. `context` is what was so there, written a moment after it.
         */
        CommitTold: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Automatic */
            automatic: boolean;
            /** Context */
            context: {
                [key: string]: unknown;
            } | null;
            /** Id */
            id: string;
            /** Message */
            message: string;
            place: components["schemas"]["PlaceTold"];
        };
        /**
         * ConceptList
         * @description Concepts, the highest rank first.
         */
        ConceptList: {
            /** Items */
            items: components["schemas"]["RankedConcept"][];
        };
        /**
         * ConceptTold
         * @description Something that memories speak of.
         */
        ConceptTold: {
            /** Key */
            key: string;
            /** Kind */
            kind: string;
            /** Label */
            label: string;
        };
        /**
         * ConflictTold
         * @description Something that both sides changed, and not to the same; values are `null` where there was none.
         */
        ConflictTold: {
            /** Base */
            base: unknown;
            /** Field */
            field: string;
            /** Kept */
            kept: string;
            /** Key */
            key: string | string[];
            /** Ours */
            ours: unknown;
            /**
             * Part
             * @enum {string}
             */
            part: "memories" | "graph" | "mood" | "working" | "skills";
            /** Reason */
            reason: string;
            /** Theirs */
            theirs: unknown;
            /** Value */
            value: unknown;
        };
        /**
         * ContextQuestion
         * @description For what a prompt is to be told what the agent knows.
         * @example {
         *       "query": "Where do they live?",
         *       "tokens": 500
         *     }
         */
        ContextQuestion: {
            /** As Of */
            as_of?: string | null;
            /** Deadline S */
            deadline_s?: number | null;
            /** Kind */
            kind?: string | null;
            /**
             * Level
             * @default detail
             * @enum {string}
             */
            level?: "sentence" | "paragraph" | "detail";
            /**
             * Neighbours
             * @default 1
             */
            neighbours?: number;
            /**
             * Query
             * @description A text; or else `vector`.
             */
            query?: string | null;
            /** Sections */
            sections?: ("known" | "earlier" | "remembered" | "threads" | "mood" | "said_last")[] | null;
            /**
             * Since
             * @description Only memories at or after this time.
             */
            since?: string | null;
            /** Speaker */
            speaker?: string | null;
            /**
             * Tags
             * @description Only memories that carry all of these.
             * @default []
             */
            tags?: string[];
            /**
             * Tokens
             * @description The budget, which is never exceeded.
             * @default 8000
             */
            tokens?: number;
            /**
             * Until
             * @description Only memories before this time.
             */
            until?: string | null;
            /**
             * Vector
             * @description An embedding; or else `query`.
             */
            vector?: number[] | null;
        };
        /**
         * ContextTold
         * @description What the agent knows, as a block for a prompt: data, and no instruction to whoever reads it.
         */
        ContextTold: {
            /** Budget */
            budget: number;
            /** Citations */
            citations: {
                [key: string]: string;
            };
            /** Left Out */
            left_out: components["schemas"]["LeftOutTold"][];
            /** Levels */
            levels: {
                [key: string]: "sentence" | "paragraph" | "detail";
            };
            /** Missing */
            missing: string[];
            /** Sections */
            sections: components["schemas"]["SectionTold"][];
            /** Text */
            text: string;
            /** Tokens */
            tokens: number;
        };
        /**
         * DenialTold
         * @description Something that a caller was denied.
         */
        DenialTold: {
            /**
             * Action
             * @example remember
             */
            action: string;
            /** Address */
            address: string | null;
            /**
             * Agent
             * @description As the caller named it.
             */
            agent: string | null;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Reason */
            reason: string;
            /**
             * Request
             * @description The id of the request.
             */
            request: string | null;
            /** Who */
            who: string | null;
        };
        /**
         * Detailed
         * @description All that is known of the cluster.
         */
        Detailed: {
            /** Away */
            away: components["schemas"]["Away"][];
            /**
             * Errors
             * @description What went wrong last in the background, by where.
             */
            errors: {
                [key: string]: string;
            };
            /**
             * Lag
             * @description Acknowledged events that a view was not heard to have folded, by view.
             */
            lag: {
                [key: string]: number;
            };
            /** Pools */
            pools: {
                [key: string]: components["schemas"]["Pool"];
            };
            /** Serving */
            serving: boolean;
            /**
             * Status
             * @description degraded: a part is away, or something went wrong lately.
             * @enum {string}
             */
            status: "ok" | "degraded";
            /** Vault */
            vault: {
                [key: string]: unknown;
            } | null;
        };
        /**
         * Devices
         * @description The GPUs of one node, as Ray counts them.
         */
        Devices: {
            /** Gpus */
            gpus: number;
            /**
             * Kinds
             * @example [
             *       "H100"
             *     ]
             */
            kinds: string[];
            /** Node */
            node: string;
        };
        /**
         * DiffTold
         * @description What one place has and another has not, or otherwise; pairs are as on the left and as on the right.
         */
        DiffTold: {
            /** Mood Fidelity */
            mood_fidelity: number;
            mood_left: components["schemas"]["MoodTold"];
            mood_right: components["schemas"]["MoodTold"];
            /** Only Left */
            only_left: components["schemas"]["MemoryTold"][];
            /** Only Right */
            only_right: components["schemas"]["MemoryTold"][];
            /** Relations Left */
            relations_left: components["schemas"]["RelationTold"][];
            /** Relations Right */
            relations_right: components["schemas"]["RelationTold"][];
            /** Revised */
            revised: [
                components["schemas"]["MemoryTold"],
                components["schemas"]["MemoryTold"]
            ][];
            /** Skills Left */
            skills_left: components["schemas"]["SkillTold"][];
            /** Skills Right */
            skills_right: components["schemas"]["SkillTold"][];
        };
        /**
         * EmotionTold
         * @description A named emotion and its probability.
         */
        EmotionTold: {
            /** Name */
            name: string;
            /** Probability */
            probability: number;
        };
        /**
         * EntryChange
         * @description New values for some of an entry, and where it goes; what is left out stays as it is.
         * @example {
         *       "enabled": false,
         *       "version": 1
         *     }
         */
        EntryChange: {
            /** Enabled */
            enabled?: boolean | null;
            /** Priority */
            priority?: number | null;
            /** Tags */
            tags?: string[] | null;
            /** Text */
            text?: string | null;
            /**
             * Tier
             * @description Who may read it from now on.
             */
            tier?: ("open" | "internal" | "restricted") | null;
            /** Title */
            title?: string | null;
            /**
             * To
             * @description The project that it goes to.
             */
            to?: string | null;
            /** Uri */
            uri?: string | null;
            /**
             * Version
             * @description The one that was seen, where no `If-Match` says it.
             */
            version?: number | null;
        };
        /**
         * EntryFound
         * @description An entry that was found; its score is that of its best passage.
         */
        EntryFound: {
            entry: components["schemas"]["EntryTold"];
            /**
             * Passages
             * @description Best first.
             */
            passages: components["schemas"]["PassageTold"][];
            /** Score */
            score: number;
        };
        /**
         * EntryTold
         * @description An entry of the library.
         */
        EntryTold: {
            /**
             * Created
             * Format: date-time
             */
            created: string;
            /** Enabled */
            enabled: boolean;
            /** Id */
            id: string;
            /**
             * Kind
             * @enum {string}
             */
            kind: "rule" | "document" | "reference";
            /**
             * Passages
             * @description In how many its text is searched.
             */
            passages: number;
            /** Priority */
            priority: number;
            /** Project */
            project: string;
            /** Tags */
            tags: string[];
            /**
             * Text
             * @description All of it; nothing in lists and searches.
             */
            text: string | null;
            /**
             * Tier
             * @enum {string}
             */
            tier: "open" | "internal" | "restricted";
            /** Title */
            title: string;
            /**
             * Updated
             * Format: date-time
             */
            updated: string;
            /** Uri */
            uri: string | null;
            /**
             * Version
             * @description 1 at first, and one more with every change.
             */
            version: number;
        };
        /**
         * EventTold
         * @description One line of a history.
         */
        EventTold: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Commits */
            commits: components["schemas"]["CommitTold"][];
            /** Kind */
            kind: string;
            place: components["schemas"]["PlaceTold"];
            /** Summary */
            summary: string;
        };
        /**
         * Feeling
         * @description Pleasure, arousal and dominance, each from -1 to 1.
         */
        Feeling: {
            /**
             * Arousal
             * @example 0.2
             */
            arousal: number;
            /**
             * Dominance
             * @example 0.1
             */
            dominance: number;
            /**
             * Pleasure
             * @example 0.6
             */
            pleasure: number;
        };
        /**
         * FeelingTold
         * @description Pleasure, arousal and dominance, each from -1 to 1.
         */
        FeelingTold: {
            /** Arousal */
            arousal: number;
            /** Dominance */
            dominance: number;
            /** Pleasure */
            pleasure: number;
        };
        /**
         * Felt
         * @description A feeling that is no memory: a named emotion, a point, or several emotions with weights that sum to 1.
         * @example {
         *       "cause": "the sun came out",
         *       "emotion": "joy",
         *       "intensity": 0.8
         *     }
         */
        Felt: {
            /**
             * Cause
             * @default
             */
            cause?: string;
            /** Emotion */
            emotion?: string | null;
            /**
             * Intensity
             * @default 1
             */
            intensity?: number;
            /** Mixture */
            mixture?: {
                [key: string]: number;
            } | null;
            pad?: components["schemas"]["Feeling"] | null;
        };
        /**
         * Forgotten
         * @description How many memories were forgotten.
         */
        Forgotten: {
            /** Forgotten */
            forgotten: number;
        };
        /**
         * FoundEntries
         * @description What the library has, best first.
         */
        FoundEntries: {
            /** Hits */
            hits: components["schemas"]["EntryFound"][];
            /**
             * Missing
             * @description Parts of memory that it was made without, away or too slow now.
             */
            missing: string[];
        };
        /**
         * Gpus
         * @description The GPUs of the cluster.
         */
        Gpus: {
            /** Actors */
            actors: components["schemas"]["Taken"][];
            /** Away */
            away: components["schemas"]["Away"][];
            /** Nodes */
            nodes: components["schemas"]["Devices"][];
            /**
             * Status
             * @description none: no node has one, and no actor uses one. unknown: what could tell is away.
             * @enum {string}
             */
            status: "ok" | "none" | "unknown";
        };
        /**
         * HitTold
         * @description A recollection: the parts in `why` add up to `score`.
         */
        HitTold: {
            /** After */
            after: components["schemas"]["MemoryTold"][];
            /** Before */
            before: components["schemas"]["MemoryTold"][];
            memory: components["schemas"]["MemoryTold"];
            /** Score */
            score: number;
            /** Why */
            why: {
                [key: string]: number;
            };
        };
        /**
         * ImportTold
         * @description What an import did, or would do.
         */
        ImportTold: {
            /** Added */
            added: number;
            /**
             * Bad
             * @description The first thousand of those that were skipped.
             */
            bad: components["schemas"]["BadEntry"][];
            /**
             * Form
             * @enum {string}
             */
            form: "jsonl" | "transcript" | "csv" | "whatsapp" | "telegram" | "slack" | "discord" | "chatgpt" | "claude" | "locomo" | "mem0" | "mem0-history" | "letta";
            /**
             * Known
             * @description Of these, those that the agent had, or had forgotten.
             */
            known: number;
            /**
             * Read
             * @description Entries that could be read.
             */
            read: number;
            /** Seconds */
            seconds: number;
            /** Skipped */
            skipped: number;
        };
        /**
         * KeyGiven
         * @description What makes it the same relation: who, how, whom.
         * @example {
         *       "object": "Lisbon",
         *       "predicate": "lives in",
         *       "subject": "Ann"
         *     }
         */
        KeyGiven: {
            /** Object */
            object: string;
            /** Predicate */
            predicate: string;
            /** Subject */
            subject: string;
        };
        /**
         * LeftOutTold
         * @description Something for which there was no room, or none for all of it.
         */
        LeftOutTold: {
            /** In Part */
            in_part: boolean;
            /** Memory */
            memory: string | null;
            /**
             * Section
             * @enum {string}
             */
            section: "known" | "earlier" | "remembered" | "threads" | "mood" | "said_last";
        };
        /**
         * LibraryQuestion
         * @description What is looked for in the library.
         * @example {
         *       "projects": [
         *         "apollo"
         *       ],
         *       "query": "When may I deploy?"
         *     }
         */
        LibraryQuestion: {
            /**
             * K
             * @description How many entries at most.
             * @default 10
             */
            k?: number;
            /** Kinds */
            kinds?: ("rule" | "document" | "reference")[] | null;
            /**
             * Passages
             * @description How many of each entry at most.
             * @default 3
             */
            passages?: number;
            /**
             * Projects
             * @description Only in these; in all that the caller may use when left out.
             */
            projects?: string[] | null;
            /** Query */
            query: string;
            /**
             * Tags
             * @description Only entries that carry all of these.
             * @default []
             */
            tags?: string[];
            /** Tiers */
            tiers?: ("open" | "internal" | "restricted")[] | null;
        };
        /**
         * LineageTold
         * @description A branch of a tree. `agent` is nothing where it is no agent of the caller's tenant.
         */
        LineageTold: {
            /** Agent */
            agent: string | null;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Deleted */
            deleted: boolean;
            /** Fork Seq */
            fork_seq: number;
            /** Head */
            head: number;
            /** Id */
            id: string;
            /**
             * Kind
             * @enum {string}
             */
            kind: "root" | "fork" | "clone" | "transaction";
            /** Name */
            name: string;
            /** Parent */
            parent: string | null;
        };
        /**
         * LineTold
         * @description One line of a context, its mark first, and the memory that the mark stands for.
         */
        LineTold: {
            /** Group */
            group: string;
            /** Mark */
            mark: string;
            /** Memory */
            memory: string | null;
            /** Text */
            text: string;
        };
        /**
         * MemoryTold
         * @description One remembered thing.
         */
        MemoryTold: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Confidence */
            confidence: number;
            /**
             * Embedding
             * @description Where it was asked for.
             */
            embedding: number[] | null;
            /** Id */
            id: string;
            /** Importance */
            importance: number;
            /** Kind */
            kind: string;
            /** Metadata */
            metadata: {
                [key: string]: unknown;
            };
            pad: components["schemas"]["FeelingTold"];
            /** Revised At */
            revised_at: string | null;
            /** Session */
            session: string | null;
            /** Speaker */
            speaker: string | null;
            /** Tags */
            tags: string[];
            /** Text */
            text: string;
        };
        /**
         * MergeTold
         * @description What a merge did.
         */
        MergeTold: {
            /** Added */
            added: string[];
            base: components["schemas"]["PlaceTold"] | null;
            /** Conflicts */
            conflicts: components["schemas"]["ConflictTold"][];
            /** Forgotten */
            forgotten: string[];
            /** Mood */
            mood: number;
            place: components["schemas"]["PlaceTold"];
            /** Relations */
            relations: [
                string,
                string,
                string
            ][];
            /** Revised */
            revised: string[];
            /** Skills */
            skills: string[];
            source: components["schemas"]["PlaceTold"];
            /** Unrelated */
            unrelated: [
                string,
                string,
                string
            ][];
        };
        /**
         * MoodThen
         * @description The mood right after an event.
         */
        MoodThen: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Kind */
            kind: string;
            mood: components["schemas"]["MoodTold"];
            place: components["schemas"]["PlaceTold"];
            /** Summary */
            summary: string;
        };
        /**
         * MoodTold
         * @description How an agent feels.
         */
        MoodTold: {
            /**
             * At
             * @description When it last felt something.
             */
            at: string | null;
            /** Bond */
            bond: number;
            /**
             * Emotions
             * @description Likeliest first.
             */
            emotions: components["schemas"]["EmotionTold"][];
            /**
             * Entropy
             * @description Entanglement entropy in bits between pleasure and the rest.
             */
            entropy: number;
            /**
             * Fidelity
             * @description Lower estimate of the overlap with the uncompressed state.
             */
            fidelity: number;
            mean: components["schemas"]["FeelingTold"];
            /** Nbytes */
            nbytes: number;
            spread: components["schemas"]["SpreadTold"];
        };
        /**
         * Nearness
         * @description Only memories whose feeling is no farther than `radius` from this one, by Euclidean distance.
         */
        Nearness: {
            pad: components["schemas"]["Feeling"];
            /** Radius */
            radius: number;
        };
        /**
         * NeighbourList
         * @description Neighbours, the nearest first.
         */
        NeighbourList: {
            /** Items */
            items: components["schemas"]["NeighbourTold"][];
        };
        /**
         * NeighbourTold
         * @description A concept near another: how many steps away, and the last of these.
         */
        NeighbourTold: {
            bond: components["schemas"]["BondTold"];
            concept: components["schemas"]["ConceptTold"];
            /** Distance */
            distance: number;
            via: components["schemas"]["ConceptTold"];
        };
        /** Page[AgentName] */
        Page_AgentName_: {
            /** Items */
            items: components["schemas"]["AgentName"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /** Page[AuditTold] */
        Page_AuditTold_: {
            /** Items */
            items: components["schemas"]["AuditTold"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /** Page[BranchTold] */
        Page_BranchTold_: {
            /** Items */
            items: components["schemas"]["BranchTold"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /** Page[CommitTold] */
        Page_CommitTold_: {
            /** Items */
            items: components["schemas"]["CommitTold"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /** Page[DenialTold] */
        Page_DenialTold_: {
            /** Items */
            items: components["schemas"]["DenialTold"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /** Page[EntryTold] */
        Page_EntryTold_: {
            /** Items */
            items: components["schemas"]["EntryTold"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /** Page[EventTold] */
        Page_EventTold_: {
            /** Items */
            items: components["schemas"]["EventTold"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /** Page[MemoryTold] */
        Page_MemoryTold_: {
            /** Items */
            items: components["schemas"]["MemoryTold"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /** Page[MoodThen] */
        Page_MoodThen_: {
            /** Items */
            items: components["schemas"]["MoodThen"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /** Page[ProjectTold] */
        Page_ProjectTold_: {
            /** Items */
            items: components["schemas"]["ProjectTold"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /** Page[TagTold] */
        Page_TagTold_: {
            /** Items */
            items: components["schemas"]["TagTold"][];
            /**
             * Next
             * @description The `cursor` of the next page; nothing after the last.
             */
            next: string | null;
        };
        /**
         * PassageTold
         * @description A stretch of an entry's text that was found: the parts in `why` add up to `score`.
         */
        PassageTold: {
            /**
             * Number
             * @description From 0 among its passages; -1 is the title.
             */
            number: number;
            /** Score */
            score: number;
            /** Text */
            text: string;
            /** Why */
            why: {
                [key: string]: number;
            };
        };
        /**
         * PlaceTold
         * @description A point in history: right after event `seq` of a branch, by the branch's id.
         */
        PlaceTold: {
            /** Branch */
            branch: string;
            /** Seq */
            seq: number;
        };
        /**
         * Pool
         * @description A pool of actors. What they count is added up.
         */
        Pool: {
            /** Answered */
            answered: number;
            /** Counts */
            counts: {
                [key: string]: number;
            };
            /** Members */
            members: number;
        };
        /**
         * Problem
         * @description What went wrong. Members beside these are the error's own, as ``agent`` of "agent-not-found".
         */
        Problem: {
            /**
             * Detail
             * @description What went wrong this time.
             * @example no agent is named 'bob'
             */
            detail: string;
            /**
             * Request Id
             * @description The request's `X-Request-ID`.
             * @example 4f1c9a
             */
            request_id: string | null;
            /**
             * Status
             * @description The status of HTTP.
             * @example 404
             */
            status: number;
            /**
             * Title
             * @description The same in words.
             * @example Agent not found
             */
            title: string;
            /**
             * Type
             * @description `/problems/` and which error it is.
             * @example /problems/agent-not-found
             */
            type: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * ProjectTold
         * @description A project by its name.
         */
        ProjectTold: {
            /**
             * Name
             * @example apollo
             */
            name: string;
        };
        /**
         * RankedConcept
         * @description A concept and how much of the graph leads to it.
         */
        RankedConcept: {
            concept: components["schemas"]["ConceptTold"];
            /** Rank */
            rank: number;
        };
        /**
         * Recalled
         * @description Recollections, best first.
         */
        Recalled: {
            /** Hits */
            hits: components["schemas"]["HitTold"][];
            /**
             * Missing
             * @description Parts of memory that it was made without, away or too slow now.
             */
            missing: string[];
        };
        /**
         * RecallQuestion
         * @description What is to be recalled.
         * @example {
         *       "k": 5,
         *       "query": "Where do they live?"
         *     }
         */
        RecallQuestion: {
            /** As Of */
            as_of?: string | null;
            /** Deadline S */
            deadline_s?: number | null;
            /**
             * Embeddings
             * @description Answer with the memories' embeddings, some 8 kB each.
             * @default false
             */
            embeddings?: boolean;
            /**
             * Exact
             * @description Look at every memory for the nearest; slower.
             * @default false
             */
            exact?: boolean;
            /**
             * K
             * @description How many at most.
             * @default 10
             */
            k?: number;
            /** Kind */
            kind?: string | null;
            near?: components["schemas"]["Nearness"] | null;
            /**
             * Neighbours
             * @description Memories of its conversation around each hit.
             * @default 0
             */
            neighbours?: number;
            /**
             * Query
             * @description A text; or else `vector`.
             */
            query?: string | null;
            /**
             * Since
             * @description Only memories at or after this time.
             */
            since?: string | null;
            /** Speaker */
            speaker?: string | null;
            /**
             * Tags
             * @description Only memories that carry all of these.
             * @default []
             */
            tags?: string[];
            /**
             * Until
             * @description Only memories before this time.
             */
            until?: string | null;
            /**
             * Vector
             * @description An embedding; or else `query`.
             */
            vector?: number[] | null;
        };
        /**
         * RelationList
         * @description Relations.
         */
        RelationList: {
            /** Items */
            items: components["schemas"]["RelationTold"][];
        };
        /**
         * RelationTold
         * @description That something stands in a relation to something.
         */
        RelationTold: {
            /** At */
            at: string | null;
            /** Memory */
            memory: string | null;
            /** Object */
            object: string;
            /** Predicate */
            predicate: string;
            /** Subject */
            subject: string;
            /** Until */
            until: string | null;
            /** Weight */
            weight: number;
        };
        /**
         * Remembered
         * @description The ids of what was remembered, in order. It is on disk.
         */
        Remembered: {
            /**
             * Ids
             * @example [
             *       "3f6c2a9d1be04c7a8e55"
             *     ]
             */
            ids: string[];
        };
        /**
         * Revision
         * @description New values for some fields of a memory; what is left out stays as it is.
         * @example {
         *       "tags": [
         *         "home"
         *       ],
         *       "text": "We moved to Porto in March."
         *     }
         */
        Revision: {
            /** At */
            at?: string | null;
            /** Importance */
            importance?: number | null;
            /** Kind */
            kind?: string | null;
            /** Metadata */
            metadata?: {
                [key: string]: unknown;
            } | null;
            /** Session */
            session?: string | null;
            /** Speaker */
            speaker?: string | null;
            /** Tags */
            tags?: string[] | null;
            /** Text */
            text?: string | null;
        };
        /**
         * Said
         * @description Something to be remembered. Only the text is needed.
         * @example {
         *       "at": "2025-03-04T09:00:00Z",
         *       "speaker": "Ann",
         *       "tags": [
         *         "home"
         *       ],
         *       "text": "We moved to Lisbon in March."
         *     }
         */
        Said: {
            /**
             * At
             * @description When it happened; now when left out.
             */
            at?: string | null;
            /** Confidence */
            confidence?: number | null;
            /**
             * Embedding
             * @description In the place of the one that the model would make.
             */
            embedding?: number[] | null;
            /**
             * Id
             * @description An id of the caller's own: what is known under it is not added again.
             */
            id?: string | null;
            /**
             * Image
             * @description An image file in base64, read for its feeling and not kept.
             */
            image?: string | null;
            /** Importance */
            importance?: number | null;
            /**
             * Kind
             * @description "utterance" when left out.
             */
            kind?: string | null;
            /**
             * Metadata
             * @default {}
             */
            metadata?: {
                [key: string]: unknown;
            };
            /** @description In the place of the feeling that the model would read. */
            pad?: components["schemas"]["Feeling"] | null;
            /** Revised At */
            revised_at?: string | null;
            /**
             * Session
             * @description The conversation that it belongs to.
             */
            session?: string | null;
            /** Speaker */
            speaker?: string | null;
            /**
             * Tags
             * @default []
             */
            tags?: string[];
            /** Text */
            text: string;
        };
        /**
         * SaidMany
         * @description Several things to be remembered, in this order and all or none.
         * @example {
         *       "memories": [
         *         {
         *           "at": "2025-03-04T09:00:00Z",
         *           "speaker": "Ann",
         *           "tags": [
         *             "home"
         *           ],
         *           "text": "We moved to Lisbon in March."
         *         },
         *         {
         *           "text": "The cat came too."
         *         }
         *       ]
         *     }
         */
        SaidMany: {
            /** Memories */
            memories: components["schemas"]["Said"][];
        };
        /**
         * SectionTold
         * @description A part of a context.
         */
        SectionTold: {
            /** Heading */
            heading: string;
            /** Lines */
            lines: components["schemas"]["LineTold"][];
            /**
             * Name
             * @enum {string}
             */
            name: "known" | "earlier" | "remembered" | "threads" | "mood" | "said_last";
        };
        /**
         * Serving
         * @description Whether this replica serves.
         */
        Serving: {
            /**
             * Status
             * @enum {string}
             */
            status: "serving" | "draining";
        };
        /**
         * SkillHitTold
         * @description A skill that was asked for: how well it fits, and why.
         */
        SkillHitTold: {
            /** At */
            at: string | null;
            /** Failures */
            failures: number;
            /**
             * Gone
             * @description Those of its sources that are not remembered any more.
             */
            gone: string[];
            /** Name */
            name: string;
            /**
             * Optional
             * @description Which steps are not always done, from 0.
             */
            optional: number[];
            /** Score */
            score: number;
            /** Sources */
            sources: string[];
            /** Steps */
            steps: string[];
            /** Successes */
            successes: number;
            /** Version */
            version: number;
            /** When */
            when: string;
            /** Why */
            why: {
                [key: string]: number;
            };
        };
        /**
         * SkillList
         * @description Skills, the best first, or by name where nothing was asked.
         */
        SkillList: {
            /** Items */
            items: components["schemas"]["SkillHitTold"][];
        };
        /**
         * SkillTold
         * @description Something that an agent can do.
         */
        SkillTold: {
            /** At */
            at: string | null;
            /** Failures */
            failures: number;
            /** Name */
            name: string;
            /**
             * Optional
             * @description Which steps are not always done, from 0.
             */
            optional: number[];
            /** Sources */
            sources: string[];
            /** Steps */
            steps: string[];
            /** Successes */
            successes: number;
            /** Version */
            version: number;
            /** When */
            when: string;
        };
        /**
         * SpreadTold
         * @description A standard deviation for each axis.
         */
        SpreadTold: {
            /** Arousal */
            arousal: number;
            /** Dominance */
            dominance: number;
            /** Pleasure */
            pleasure: number;
        };
        /**
         * TagTold
         * @description A name for a place.
         */
        TagTold: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Name */
            name: string;
            place: components["schemas"]["PlaceTold"];
        };
        /**
         * Taken
         * @description What one actor has taken of the GPUs that it sees, and what these have.
         */
        Taken: {
            /** Actor */
            actor: string;
            /** Gpu Bytes */
            gpu_bytes: number;
            /** Gpu Free Bytes */
            gpu_free_bytes: number;
            /** Gpu Total Bytes */
            gpu_total_bytes: number;
        };
        /**
         * ToCheckpoint
         * @description What to call the place where a branch stands.
         * @example {
         *       "message": "before the move"
         *     }
         */
        ToCheckpoint: {
            /**
             * Message
             * @default checkpoint
             */
            message?: string;
        };
        /**
         * ToForget
         * @description Memories that are to be found no more on this branch, all or none.
         * @example {
         *       "ids": [
         *         "3f6c2a9d1be04c7a8e55"
         *       ]
         *     }
         */
        ToForget: {
            /** Ids */
            ids: string[];
        };
        /**
         * ToFork
         * @description A branch or an agent that is to begin where another stands, or stood.
         * @example {
         *       "at": "before the move",
         *       "name": "what-if"
         *     }
         */
        ToFork: {
            /** At */
            at?: string | null;
            /** Name */
            name: string;
        };
        /**
         * ToKeep
         * @description A rule, a document or a reference.
         * @example {
         *       "id": "no-deploys-on-friday",
         *       "kind": "rule",
         *       "priority": 5,
         *       "tags": [
         *         "ops"
         *       ],
         *       "text": "Nobody deploys after noon on Fridays.",
         *       "tier": "open",
         *       "title": "No deploys on Friday"
         *     }
         * @example {
         *       "kind": "document",
         *       "text": "The legs unfold at 200 m.",
         *       "tier": "internal",
         *       "title": "Landing"
         *     }
         * @example {
         *       "kind": "reference",
         *       "text": "What it says in short.",
         *       "title": "A paper",
         *       "uri": "doi:10.1000/182"
         *     }
         */
        ToKeep: {
            /**
             * Enabled
             * @description Of a rule: whether it holds.
             * @default true
             */
            enabled?: boolean;
            /**
             * Id
             * @description An id of the caller's own; the same again under it adds nothing.
             */
            id?: string | null;
            /**
             * Kind
             * @enum {string}
             */
            kind: "rule" | "document" | "reference";
            /**
             * Priority
             * @description Of a rule: the greater is told first.
             * @default 0
             */
            priority?: number;
            /**
             * Tags
             * @default []
             */
            tags?: string[];
            /**
             * Text
             * @description What is to be kept to; all of a document; an abstract or a note.
             * @default
             */
            text?: string;
            /**
             * Tier
             * @description Who may read it.
             * @default internal
             * @enum {string}
             */
            tier?: "open" | "internal" | "restricted";
            /**
             * Title
             * @description One line.
             */
            title: string;
            /**
             * Uri
             * @description A URL or DOI. A reference has one, a rule none.
             */
            uri?: string | null;
        };
        /**
         * ToLearn
         * @description A skill to learn, or to rewrite.
         * @example {
         *       "name": "make tea",
         *       "steps": [
         *         "boil water",
         *         "pour it"
         *       ],
         *       "when": "a guest comes"
         *     }
         */
        ToLearn: {
            /** Name */
            name: string;
            /** Steps */
            steps: string[];
            /**
             * When
             * @default
             */
            when?: string;
        };
        /**
         * ToLearnFrom
         * @description Attempts that a skill is to be learned from: a tag, the ids of one attempt, or of several.
         * @example {
         *       "episodes": "tea",
         *       "name": "make tea",
         *       "preview": true
         *     }
         */
        ToLearnFrom: {
            /** Episodes */
            episodes: string | (string[] | string[][]);
            /** Name */
            name: string;
            /**
             * Preview
             * @description Only say what the skill would be.
             * @default false
             */
            preview?: boolean;
            /** Succeeded */
            succeeded?: boolean | boolean[] | null;
            /** When */
            when?: string | null;
        };
        /**
         * ToMerge
         * @description The branch to take from, and who wins where both changed the same.
         * @example {
         *       "branch": "what-if",
         *       "policy": "newest"
         *     }
         */
        ToMerge: {
            /**
             * Agent
             * @description Whose branch; the same agent's when left out.
             */
            agent?: string | null;
            /**
             * At
             * @description Take from an earlier place of it.
             */
            at?: string | null;
            /**
             * Branch
             * @description To take from; the first one when left out.
             */
            branch?: string | null;
            /**
             * K
             * @default 20
             */
            k?: number;
            /**
             * Matching
             * @description What recall on the other branch finds for this, and nothing else.
             */
            matching?: string | number[] | null;
            /**
             * Mood Weight
             * @default 0.5
             */
            mood_weight?: number;
            /**
             * Only
             * @description These memories and nothing else.
             */
            only?: string[] | null;
            /**
             * Policy
             * @description One for all, or one for each part or field.
             */
            policy?: ("union" | "ours" | "theirs" | "newest") | {
                [key: string]: "union" | "ours" | "theirs" | "newest";
            } | null;
        };
        /**
         * ToPractise
         * @description That a skill was used, and whether that went well.
         * @example {
         *       "skill": "make tea",
         *       "succeeded": true
         *     }
         */
        ToPractise: {
            /** Skill */
            skill: string;
            /** Succeeded */
            succeeded: boolean;
        };
        /**
         * ToRelate
         * @description A relation to know of, or with what new weight.
         * @example {
         *       "at": "2025-03-04T09:00:00Z",
         *       "object": "Lisbon",
         *       "predicate": "lives in",
         *       "subject": "Ann"
         *     }
         */
        ToRelate: {
            /**
             * At
             * @description Since when; since now when left out.
             */
            at?: string | null;
            /**
             * Memory
             * @description The memory that says so.
             */
            memory?: string | null;
            /** Object */
            object: string;
            /** Predicate */
            predicate: string;
            /**
             * Replaces
             * @description Relations that end when this one begins.
             * @default []
             */
            replaces?: components["schemas"]["KeyGiven"][];
            /** Subject */
            subject: string;
            /** Until */
            until?: string | null;
            /**
             * Weight
             * @default 1
             */
            weight?: number;
        };
        /**
         * ToRollBack
         * @description The earlier place to be at again, whole or in some parts.
         * @example {
         *       "parts": [
         *         "mood"
         *       ],
         *       "to": "before the move"
         *     }
         */
        ToRollBack: {
            /** Parts */
            parts?: ("memories" | "graph" | "mood" | "working" | "skills")[] | null;
            /**
             * To
             * @description A place in history: a checkpoint's id or message, a tag, a branch, a time, or `:12` for event 12.
             * @example before the move
             */
            to: string;
        };
        /**
         * ToTag
         * @description The place that a tag is to name.
         * @example {
         *       "at": ":12",
         *       "move": true
         *     }
         */
        ToTag: {
            /** At */
            at?: string | null;
            /**
             * Move
             * @description Take the name away from the place that has it now.
             * @default false
             */
            move?: boolean;
        };
        /**
         * ToUnrelate
         * @description A relation that holds no longer.
         * @example {
         *       "object": "Lisbon",
         *       "predicate": "lives in",
         *       "subject": "Ann"
         *     }
         */
        ToUnrelate: {
            /**
             * At
             * @description Since when; since now when left out.
             */
            at?: string | null;
            /** Object */
            object: string;
            /** Predicate */
            predicate: string;
            /** Subject */
            subject: string;
        };
        /**
         * Traced
         * @description A memory, and where it comes from if it was made of others.
         */
        Traced: {
            /**
             * Gone
             * @description Ids of those that are not.
             */
            gone: string[];
            /** How */
            how: string | null;
            /**
             * Made
             * @description Ids of what was made of it.
             */
            made: string[];
            memory: components["schemas"]["MemoryTold"];
            /**
             * Sources
             * @description Ids of the memories that it was made of and that are still there.
             */
            sources: string[];
        };
        /**
         * TreeTold
         * @description How the branches of an agent hang together; `merges` are pairs: where it was taken over, and from where.
         */
        TreeTold: {
            /** Branches */
            branches: components["schemas"]["LineageTold"][];
            /** Commits */
            commits: components["schemas"]["CommitTold"][];
            /** Merges */
            merges: [
                components["schemas"]["PlaceTold"],
                components["schemas"]["PlaceTold"]
            ][];
            /** Tags */
            tags: components["schemas"]["TagTold"][];
        };
        /**
         * WayList
         * @description Ways, the shortest first.
         */
        WayList: {
            /** Items */
            items: components["schemas"]["WayTold"][];
        };
        /**
         * WayTold
         * @description A way between two concepts, and the bonds between each and the next.
         */
        WayTold: {
            /** Bonds */
            bonds: components["schemas"]["BondTold"][];
            /** Concepts */
            concepts: components["schemas"]["ConceptTold"][];
        };
    };
    responses: {
        /** @description The body is not JSON as it is taken here. */
        Problem400: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "/problems/malformed-body",
                 *       "title": "Malformed body",
                 *       "status": 400,
                 *       "detail": "the body is not JSON as it is taken here: the key 'text' stands twice in one object",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Nobody knows who asks. */
        Problem401: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "reason": "a valid API key or token is needed, as 'Authorization: Bearer ...'",
                 *       "type": "/problems/unauthenticated",
                 *       "title": "Unauthenticated",
                 *       "status": 401,
                 *       "detail": "a valid API key or token is needed, as 'Authorization: Bearer ...'",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description It is known who asks, and he may not do this. */
        Problem403: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "action": "remember",
                 *       "reason": "it takes the role 'writer', and this is a reader",
                 *       "type": "/problems/forbidden",
                 *       "title": "Forbidden",
                 *       "status": 403,
                 *       "detail": "remember: it takes the role 'writer', and this is a reader",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description What was asked for does not exist. */
        Problem404: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "agent": "bob",
                 *       "type": "/problems/agent-not-found",
                 *       "title": "Agent not found",
                 *       "status": 404,
                 *       "detail": "no agent is named 'bob'",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body did not come in time. */
        Problem408: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "/problems/slow-body",
                 *       "title": "Slow body",
                 *       "status": 408,
                 *       "detail": "the body did not come within 10 s",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Somebody else was there first. */
        Problem409: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "kind": "tag",
                 *       "name": "v1",
                 *       "type": "/problems/already-exists",
                 *       "title": "Already exists",
                 *       "status": 409,
                 *       "detail": "the tag 'v1' exists already and is not the same",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is over the limit. */
        Problem413: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "/problems/body-too-large",
                 *       "title": "Body too large",
                 *       "status": 413,
                 *       "detail": "the body is over the limit of 8388608 bytes",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is of another media type. */
        Problem415: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "/problems/unsupported-media-type",
                 *       "title": "Unsupported media type",
                 *       "status": 415,
                 *       "detail": "expected a body of application/json, got 'text/plain'",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request does not fit. */
        Problem422: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "name": "format",
                 *       "value": "a database",
                 *       "want": "one of jsonl, transcript",
                 *       "type": "/problems/invalid-value",
                 *       "title": "Invalid value",
                 *       "status": 422,
                 *       "detail": "format: expected one of jsonl, transcript, got a database",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description More was asked for than the caller's rate allows; nothing was done. */
        Problem429: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "scope": "key",
                 *       "retry_after_s": 2,
                 *       "type": "/problems/rate-limited",
                 *       "title": "Rate limited",
                 *       "status": 429,
                 *       "detail": "over the rate of this key; ask again in 2 s",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Something went wrong that is no fault of the request. */
        Problem500: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "/problems/internal-error",
                 *       "title": "Internal error",
                 *       "status": 500,
                 *       "detail": "something went wrong here that is no fault of the request; the log tells what, under its request id",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Not now. Where it is `busy` or `uploads-full`, nothing was done. Else a part is away, and a change may have been made: sent again under its key it is made once. */
        Problem503: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "pool": "agents",
                 *       "pending": 10000,
                 *       "retry_after_s": 1,
                 *       "type": "/problems/busy",
                 *       "title": "Busy",
                 *       "status": 503,
                 *       "detail": "agents: 10000 calls wait already; try again in 1 s",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The answer did not come in time. A change may be made all the same. */
        Problem504: {
            headers: {
                "X-Request-ID": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "operation": "recall",
                 *       "deadline_s": 1,
                 *       "type": "/problems/deadline-exceeded",
                 *       "title": "Deadline exceeded",
                 *       "status": 504,
                 *       "detail": "recall: no answer within 1 s",
                 *       "request_id": "4f1c9a"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /** @description A name of the caller's for this change: it is made once. */
        IdempotencyKey: string;
        /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
        RequestId: string;
    };
    requestBodies: never;
    headers: {
        /** @description What the request is called in logs and traces. */
        RequestId: string;
        /** @description In how many seconds to ask again. */
        RetryAfter: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    health: {
        parameters: {
            query?: never;
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Serving"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    healthDetailed: {
        parameters: {
            query?: never;
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Detailed"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    healthGpu: {
        parameters: {
            query?: never;
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Gpus"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain; version=0.0.4; charset=utf-8": unknown;
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listAgents: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_AgentName_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    readAgent: {
        parameters: {
            query?: never;
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentTold"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    makeAgent: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentTold"];
                };
            };
            /** @description It was made. */
            201: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    exportArchive: {
        parameters: {
            query?: {
                /** @description Of which branches the state is in it too. */
                views?: "every" | "root" | "none";
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An archive that `importArchive` takes. */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    importArchive: {
        parameters: {
            query?: {
                /** @description Write nothing, and say what would be done. */
                dry_run?: boolean;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ArchiveTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    readAudit: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_AuditTold_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listBranches: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_BranchTold_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    deleteBranch: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
                /** @description The branch's name. */
                branch: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    checkpoint: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToCheckpoint"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommitTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    clone: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToFork"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listCommits: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_CommitTold_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listConcepts: {
        parameters: {
            query?: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description How many at most. */
                top?: number;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConceptList"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    context: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ContextQuestion"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContextTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    diff: {
        parameters: {
            query: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description A place in history. */
                left: string;
                right?: string | null;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiffTold"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    exportMemories: {
        parameters: {
            query?: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description Also the embeddings, some 5 kB each. */
                embeddings?: boolean;
                /** @description A transcript keeps time, speaker and text. */
                format?: "jsonl" | "transcript";
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description JSON lines that `importMemories` reads back, or a transcript. */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                    "text/plain": string;
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    feel: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Felt"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaceTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    forget: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToForget"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Forgotten"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    fork: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToFork"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BranchTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    importMemories: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description Make the agent if there is none; a named branch is never made. */
                create?: boolean;
                /** @description The order of day and month in WhatsApp's dates. */
                dates?: "auto" | "dmy" | "mdy" | "ymd";
                /** @description Write nothing, and say what would be added. */
                dry_run?: boolean;
                /** @description Found out when left out; a table has to be named. */
                format?: ("jsonl" | "transcript" | "csv" | "whatsapp" | "telegram" | "slack" | "discord" | "chatgpt" | "claude" | "locomo" | "mem0" | "letta") | null;
                /** @description Leave out what cannot be read, and list it. */
                skip_bad?: boolean;
                /** @description Of times without one. */
                zone?: string;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": string;
                /**
                 * @example {"text": "We moved to Lisbon in March.", "speaker": "Ann", "at": "2025-03-04T09:00:00Z"}
                 *     {"text": "The balcony faces south."}
                 */
                "application/octet-stream": string;
                /**
                 * @example {"text": "We moved to Lisbon in March.", "speaker": "Ann", "at": "2025-03-04T09:00:00Z"}
                 *     {"text": "The balcony faces south."}
                 */
                "application/x-ndjson": string;
                "application/zip": string;
                "text/csv": string;
                /**
                 * @example 25/03/2025, 09:00 - Ann: We moved to Lisbon.
                 *     25/03/2025, 09:01 - Bob: The balcony faces south.
                 */
                "text/plain": string;
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImportTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    readLog: {
        parameters: {
            query?: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
                /** @description Only what brought, rewrote, used or forgot the memory of this id. */
                memory?: string | null;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_EventTold_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listMemories: {
        parameters: {
            query?: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description Answer with embeddings, some 8 kB each. */
                embeddings?: boolean;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
                /** @description In the reverse order; the same for all pages. */
                newest_first?: boolean;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_MemoryTold_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    readMemory: {
        parameters: {
            query?: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description Answer with embeddings, some 8 kB each. */
                embeddings?: boolean;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
                /** @description The memory's id. */
                memory: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MemoryTold"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    forgetMemory: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
                /** @description The memory's id. */
                memory: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    reviseMemory: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
                /** @description The memory's id. */
                memory: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Revision"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MemoryTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    merge: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToMerge"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MergeTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    readMood: {
        parameters: {
            query?: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MoodTold"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    readMoodHistory: {
        parameters: {
            query?: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_MoodThen_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listNeighbours: {
        parameters: {
            query: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description Those relations that held at this time. */
                at?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description How many steps at most. */
                depth?: number;
                /** @description How many at most. */
                limit?: number;
                /** @description A name, in any form. */
                name: string;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NeighbourList"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listPaths: {
        parameters: {
            query: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description Those relations that held at this time. */
                at?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description A name, in any form. */
                goal: string;
                /** @description How many at most. */
                limit?: number;
                /** @description Of so many steps at most. */
                longest?: number;
                /** @description A name, in any form. */
                start: string;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WayList"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    readProvenance: {
        parameters: {
            query: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description The memory's id. */
                memory: string;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Traced"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    recall: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecallQuestion"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Recalled"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listRelations: {
        parameters: {
            query?: {
                about?: string | null;
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description Those relations that held at this time. */
                at?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelationList"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    relate: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToRelate"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelationTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    unrelate: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToUnrelate"];
            };
        };
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    remember: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description Make the agent if there is none; a named branch is never made. */
                create?: boolean;
                /** @description In how many seconds it has to be begun. */
                deadline_s?: number | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Said"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Remembered"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    rememberMany: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description Make the agent if there is none; a named branch is never made. */
                create?: boolean;
                /** @description In how many seconds it has to be begun. */
                deadline_s?: number | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SaidMany"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Remembered"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    rememberStream: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description Make the agent if there is none; a named branch is never made. */
                create?: boolean;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {"text": "We moved to Lisbon in March.", "speaker": "Ann", "at": "2025-03-04T09:00:00Z"}
                 *     {"text": "The balcony faces south."}
                 */
                "application/jsonl": string;
                /**
                 * @example {"text": "We moved to Lisbon in March.", "speaker": "Ann", "at": "2025-03-04T09:00:00Z"}
                 *     {"text": "The balcony faces south."}
                 */
                "application/x-ndjson": string;
            };
        };
        responses: {
            /** @description A line for each of the first thousand refused, for progress, and then `done` or `failed`. */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example {"event": "done", "line": 2, "remembered": 2} */
                    "application/x-ndjson": string;
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    rollback: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToRollBack"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlaceTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listSkills: {
        parameters: {
            query?: {
                /** @description As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12. */
                as_of?: string | null;
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
                /** @description How many at most, of those that fit. */
                k?: number;
                /** @description The situation. */
                query?: string | null;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SkillList"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    learn: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToLearn"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SkillTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    learnFrom: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToLearnFrom"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SkillTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    practise: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToPractise"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SkillTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listTags: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_TagTold_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    putTag: {
        parameters: {
            query?: {
                /** @description The agent's branch; its first one when left out. */
                branch?: string | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
                /** @description The tag's name. */
                tag: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToTag"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TagTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    dropTag: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
                /** @description The tag's name. */
                tag: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    readTree: {
        parameters: {
            query?: never;
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The agent's name. */
                agent: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TreeTold"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    readCaller: {
        parameters: {
            query?: never;
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CallerTold"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listDenials: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_DenialTold_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    searchLibrary: {
        parameters: {
            query?: never;
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LibraryQuestion"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FoundEntries"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listProjects: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_ProjectTold_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    listEntries: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string | null;
                /** @description Only of this kind. */
                kind?: ("rule" | "document" | "reference") | null;
                /** @description The most that a page holds; the server may hold less. */
                limit?: number;
                /** @description Only entries that carry all of these. */
                tag?: string[];
                /** @description Only from this tier. */
                tier?: ("open" | "internal" | "restricted") | null;
            };
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The project's name. */
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_EntryTold_"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    addEntry: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The project's name. */
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToKeep"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EntryTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    readEntry: {
        parameters: {
            query?: never;
            header?: {
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The entry's id. */
                entry: string;
                /** @description The project's name. */
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EntryTold"];
                };
            };
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            409: components["responses"]["Problem409"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    deleteEntry: {
        parameters: {
            query?: {
                /** @description Only if it is of this version. */
                version?: number | null;
            };
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The `ETag` that was seen: the version in quotes. */
                "If-Match"?: string | null;
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The entry's id. */
                entry: string;
                /** @description The project's name. */
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
    updateEntry: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name of the caller's for this change: it is made once. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The `ETag` that was seen: the version in quotes. */
                "If-Match"?: string | null;
                /** @description What to call the request: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'. Made if not. */
                "X-Request-ID"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The entry's id. */
                entry: string;
                /** @description The project's name. */
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EntryChange"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    "X-Request-ID": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EntryTold"];
                };
            };
            400: components["responses"]["Problem400"];
            401: components["responses"]["Problem401"];
            403: components["responses"]["Problem403"];
            404: components["responses"]["Problem404"];
            408: components["responses"]["Problem408"];
            409: components["responses"]["Problem409"];
            413: components["responses"]["Problem413"];
            415: components["responses"]["Problem415"];
            422: components["responses"]["Problem422"];
            429: components["responses"]["Problem429"];
            500: components["responses"]["Problem500"];
            503: components["responses"]["Problem503"];
            504: components["responses"]["Problem504"];
        };
    };
}
