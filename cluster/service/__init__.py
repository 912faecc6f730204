"""The door for whoever does not use Ray: HTTP, WebSocket and MCP over the same agents. It holds no state of its own.

    tenants      which of the cluster's agents a tenant sees, and under which names
    principals   who asks, and what he may do
    backend      agents on behalf of whoever asks, for coroutines
    access/      who a request is from: API keys and tokens
    app          the REST application; door lets requests in, routes answer them, document describes them
    models       values as they go over the wire; problems are its errors

Replicas of it come and go; what has to outlive one is in the vault's catalog.
"""
