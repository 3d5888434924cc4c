"""Scripts that know nothing of this library: their metrics are read from what they write."""
