"""Pages that open from disk: pictures, a frame for them, and nothing that needs the network."""
