"""Programs that none of us wrote: OAuth clients against the running demo, an OpenID provider behind it."""
