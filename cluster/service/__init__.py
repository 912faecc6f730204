"""The door for whoever does not use Ray: HTTP, WebSocket and MCP over the same agents. It holds no state of its own.

Who asks, and what he may:
    tenants         which of the cluster's agents a tenant sees, and under which names
    principals      a caller: his tenant, his role, what he sees
    access/         who a request is from, by API key, token or being on this machine; what was denied
    limits/         how often somebody may ask

A request of REST, from outside in:
    listening       the replica's own socket; heads and sending bound what a connection may take of it
    counting        metrics of requests; tracing makes their spans, and templates names their routes for both
    envelope        the id of a request, and an answer also where something failed that nobody foresaw
    ongoing         how many requests are under way; shares is how much of it, or of anything, one may have
    app             the application: routes, problems and document put together
    door            one request let in: seams has the protocols that this takes, which tests stand in for
    bodies          what it brings, bounded; strict_json reads it, and refusals is what HTTP itself refuses
    idempotency     the name under which a change is made once
    routes/         what can be asked, one module a subject; operations is how each says what it is
    models          values as they go over the wire, with models_* by subject; problems is the same for errors
    places          places in history as a request names them; cursors is how lists go on
    streams         memories that come as JSON lines
    uploads         files that come and go, and the room that they take; workers has the threads for them
    document        the OpenAPI document; kept sends such documents, encoded once

Beside REST:
    stream/         the WebSocket: what happens, as it happens
    tools           the Model Context Protocol, with tools_library, tool_values and tool_hints; stdio needs no HTTP
    console/        the page at /console, as it was built
    health          how the door and the cluster are; health_routes answers that, and exposition has the page of metrics

Below all of it:
    backend         agents on behalf of whoever asks, for coroutines: the only way to the cluster
    gathered        recalls of one lineage that travel in one call
    replica         the parts of one replica put together; ending asks Serve whether it is about to end

Replicas come and go; what has to outlive one is in the vault's catalog.
"""
