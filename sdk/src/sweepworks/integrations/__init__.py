"""Callbacks for frameworks. Each imports its framework when it is made, and not before."""
