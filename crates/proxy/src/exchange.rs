//! What happened to one request, gathered while it runs and told to `observe` once at its end.
