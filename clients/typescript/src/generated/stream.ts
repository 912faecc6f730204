// Made by `npm run generate` from the application. Not to be edited.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Ack
         * @description So many messages were received and taken, of those that are to be acknowledged, since the connection began.
         *
         *         All but ``welcome``, ``heartbeat`` and ``closing`` are. Where ``credit`` of them are owed, nothing more is told.
         */
        Ack: {
            received: number;
            /** @enum {unknown} */
            type: "ack";
        };
        /**
         * Closing
         * @description The server closes the connection. Come back in ``reconnect_after_s``, and resume after ``position``.
         */
        Closing: {
            position: number;
            /** @enum {unknown} */
            reason: "idle" | "protocol" | "revoked" | "shutdown";
            reconnect_after_s: number;
            /** @enum {unknown} */
            type: "closing";
        };
        /**
         * EmotionalUpdate
         * @description A mood as it is now. Of several changes within a tenth of a second the last is told.
         */
        EmotionalUpdate: {
            agent: string;
            branch: string;
            mood: components["schemas"]["Feeling"];
            position: number;
            subscription: string;
            /** @enum {unknown} */
            type: "emotional_update";
        };
        /**
         * EquationEvolution
         * @description The equation of an agent's feelings was kept anew; ``memory`` is the memory that holds it.
         */
        EquationEvolution: {
            agent: string;
            at: string;
            branch: string | null;
            memory: string;
            position: number;
            subscription: string;
            /** @enum {unknown} */
            type: "equation_evolution";
        };
        /**
         * Feeling
         * @description A mood: the expected PAD, the standard deviation of each axis, and the likeliest named emotions.
         */
        Feeling: {
            at: string | null;
            emotions: {
                [key: string]: number;
            };
            pad: [
                number,
                number,
                number
            ];
            spread: [
                number,
                number,
                number
            ];
        };
        FromClient: components["schemas"]["Hello"] | components["schemas"]["Subscribe"] | components["schemas"]["Unsubscribe"] | components["schemas"]["Ping"] | components["schemas"]["Ack"];
        FromServer: components["schemas"]["Welcome"] | components["schemas"]["Subscribed"] | components["schemas"]["Unsubscribed"] | components["schemas"]["MemoryOperation"] | components["schemas"]["History"] | components["schemas"]["EquationEvolution"] | components["schemas"]["EmotionalUpdate"] | components["schemas"]["PhaseTransition"] | components["schemas"]["Heartbeat"] | components["schemas"]["Presence"] | components["schemas"]["Lagging"] | components["schemas"]["Snapshot"] | components["schemas"]["Pong"] | components["schemas"]["Refused"] | components["schemas"]["Closing"];
        /**
         * Heartbeat
         * @description The connection lives, and everything up to ``position`` was told: where to resume after it.
         */
        Heartbeat: {
            position: number;
            /** @enum {unknown} */
            type: "heartbeat";
        };
        /**
         * Hello
         * @description The first message: which versions the client speaks, which features of ``welcome`` it makes use of, and its
         *         credential where the request that opened the connection brought none.
         */
        Hello: {
            /** @default [] */
            features?: string[];
            /** @default null */
            token?: string | null;
            /** @enum {unknown} */
            type: "hello";
            /**
             * @default [
             *       1
             *     ]
             */
            versions?: number[];
        };
        /**
         * History
         * @description A commit, branch or tag was made, moved or deleted, branches were merged, or one was rolled back.
         */
        History: {
            agent: string;
            at: string;
            branch: string | null;
            operation: string;
            position: number;
            subscription: string;
            told: Record<string, unknown>;
            /** @enum {unknown} */
            type: "history";
        };
        /**
         * Lagging
         * @description The reader was too slow: it is not told of what lies between two positions. Moods come as they are now.
         *
         *         With ``subscribe`` and ``after`` the rest can be had later. Where ``upto`` is smaller than ``after``, the vault was
         *         restored as it was at an earlier time: what was told after ``upto`` never was, and telling goes on from there.
         */
        Lagging: {
            after: number;
            subscription: string;
            /** @enum {unknown} */
            type: "lagging";
            upto: number;
        };
        /**
         * MemoryOperation
         * @description Memories were added, revised, forgotten, used, merged in, or taken back; relations or skills changed.
         *
         *         ``operation`` is the kind of the event, ``told`` what it brought. Where that is large, it is ``brief``: of memories
         *         their ids alone are told, and where these are too many, numbers in the place of lists.
         */
        MemoryOperation: {
            agent: string;
            at: string;
            branch: string | null;
            /** @default false */
            brief?: boolean;
            operation: string;
            position: number;
            subscription: string;
            told: Record<string, unknown>;
            /** @enum {unknown} */
            type: "memory_operation";
        };
        /**
         * PhaseTransition
         * @description The likeliest named emotion of a mood is another one than when it was last told.
         */
        PhaseTransition: {
            after: string;
            agent: string;
            before: string;
            branch: string;
            position: number;
            subscription: string;
            /** @enum {unknown} */
            type: "phase_transition";
        };
        /**
         * Ping
         * @description Ask whether the other side is there.
         */
        Ping: {
            /** @default  */
            nonce?: string;
            /** @enum {unknown} */
            type: "ping";
        };
        /**
         * Pong
         * @description The answer to ``ping``.
         */
        Pong: {
            nonce: string;
            /** @enum {unknown} */
            type: "pong";
        };
        /**
         * Presence
         * @description How many subscriptions on this replica cover an agent, by its name or with all; of ``*``, how many are to all.
         *
         *         Told, with the feature ``presence``, of an agent to whoever names it, and of ``*`` to whoever watches all: at once,
         *         and within a second or two after it changed.
         */
        Presence: {
            agent: string;
            /** @enum {unknown} */
            type: "presence";
            watching: number;
        };
        /**
         * Refused
         * @description A message was not obeyed: ``error`` is the kind of error, ``id`` the subscription that it was about.
         */
        Refused: {
            detail: string;
            error: string;
            /** @default null */
            id?: string | null;
            /** @default null */
            retry_after_s?: number | null;
            /** @enum {unknown} */
            type: "refused";
        };
        /**
         * Snapshot
         * @description All up to ``position`` was told. So many branches felt something meanwhile: their moods come, as they are now.
         *
         *         Told with the feature ``snapshots``: once to whoever subscribes to moods with ``after``, and whenever it is not
         *         ``complete``: more moods changed than are told, which are told when they change the next time. After a restore, and
         *         with ``all_moods``, ``branches`` are all that there are.
         */
        Snapshot: {
            branches: number;
            complete: boolean;
            position: number;
            subscription: string;
            /** @enum {unknown} */
            type: "snapshot";
        };
        /**
         * Subscribe
         * @description Be told of agents from here on, or from a position on. The same ``id`` again takes the place of the first.
         *
         *         With ``all_moods`` also of every mood as it is now, whether something was felt after that position or not.
         */
        Subscribe: {
            /** @default null */
            after?: number | null;
            agents: string[];
            /** @default false */
            all_moods?: boolean;
            /** @default null */
            branch?: string | null;
            channels: ("history" | "memories" | "mood")[];
            id: string;
            /** @enum {unknown} */
            type: "subscribe";
        };
        /**
         * Subscribed
         * @description A subscription is in force from after ``position`` on.
         */
        Subscribed: {
            id: string;
            position: number;
            /** @enum {unknown} */
            type: "subscribed";
        };
        /**
         * Unsubscribe
         * @description Be told no more of a subscription.
         */
        Unsubscribe: {
            id: string;
            /** @enum {unknown} */
            type: "unsubscribe";
        };
        /**
         * Unsubscribed
         * @description A subscription is no longer in force.
         */
        Unsubscribed: {
            id: string;
            /** @enum {unknown} */
            type: "unsubscribed";
        };
        /**
         * Welcome
         * @description The answer to ``hello``: the version that is spoken from here on, and where the vault stands.
         */
        Welcome: {
            credit: number;
            features: string[];
            heartbeat_s: number;
            position: number;
            /** @enum {unknown} */
            type: "welcome";
            version: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
