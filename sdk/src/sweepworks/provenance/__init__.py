"""What a run was made of: code, environment, machine, seeds; captured by itself when it starts."""
