"""The life of a memory after it was remembered: used, merged, consolidated, forgotten. Knows no actor."""
