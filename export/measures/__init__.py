"""What a model's own music is like, beside music by people that it never saw."""
