"""The stream: what happens to agents, told to whoever has subscribed, as it happens and from where he left.

    messages    what is said, in both directions
    hub         what has happened of late, once for all subscribers of a replica
    moods       the moods that somebody watches, each read once however many do
    session     one connection

Nobody has a queue of his own: a subscriber has a position, and reads on from there as fast as his connection takes it.
"""
