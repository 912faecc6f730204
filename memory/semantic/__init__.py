"""What an agent's memories speak of and how that hangs together: the graph of memories and concepts."""
