"""The shells: Ray actors around plain hosts, and the orchestrator that orders them."""

if __name__ != "quantum_memory.actors":
    raise ImportError("import quantum_memory.actors, not actors")
