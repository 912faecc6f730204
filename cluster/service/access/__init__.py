"""Who a request is from: API keys, tokens (JWT), and callers on this machine where the settings let them in.

    keys            API keys: how they are made, read and compared               no I/O
    signatures      which keys signatures of tokens are verified by               no I/O
    signers         where those come from: a file or a URL, read again now and then
    tokens          what a token says, and whether it may
    ledger          the catalog's keys, denials, used requests and tokens, for coroutines
    caller          what of a connection tells who it is from                     no I/O
    authenticator   all of it together: a principal, or Unauthenticated
    refused         why a credential is not taken, which the caller never hears, and whose it is    no I/O
    denials         what was refused, written down a little later
    entry           coming in: who it is, and whether he may ask again; the one way for requests, streams and tools
    scraping        who may read metrics without being an administrator

Whatever is wrong with a credential, the caller hears the same words; what it was stands in the log and the catalog.
"""
