"""What a training can be told: schema, parsing, checks."""
