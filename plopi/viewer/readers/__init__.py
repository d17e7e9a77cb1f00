"""Reading files that nobody vouches for: worker processes parse, and hand columns over."""
