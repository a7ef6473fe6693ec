"""The outside world, faked: a MitID broker, phones, shops, machines. Written against the HTTP contract alone."""
