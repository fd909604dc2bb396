"""Around the edit by instruction: sweep its guidance, screen, propagate and filter what came."""
