"""The stream: what happens to agents, told to whoever has subscribed, as it happens and from where he left.

    messages    what is said, in both directions
    hub         what has happened of late, once for all subscribers of a replica
    window      the last changes, bounded in number and in bytes
    encoding    what a change brought, as JSON that is made once for all who are told
    audience    who is concerned by a change, and how far he was told
    arrears     reading in the vault what somebody was not told when it happened, fairly
    readings    what was last read of each mood, by agent and by tenant
    moods       the moods that somebody watches, each read once however many do
    lanes       whose turn it is to have a mood read
    away        whose moods may have changed while a subscriber was away
    presence    how many subscriptions cover an agent, and who is told when that changes
    session     one connection: what it is told, and how far
    endpoint    its WebSocket: the handshake, the frames, and the end

Nobody has a queue of his own: a subscriber has a position, and reads on from there as fast as his connection takes it.
"""
