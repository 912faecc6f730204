"""How much may be asked through the door in which time: per principal, per connection, and by all together.

buckets   token buckets and what is leased of them                     no I/O, no Ray
host      the buckets that all replicas share, as an actor
remote    the way of a replica to that actor, found or made
limiter   what a replica asks before it does anything                  asyncio
meter     what the memories cost that a request brings                 asyncio
"""
