//! Copies a request to a bridge and its answer back: bodies, trailers, 1xx, upgrades.
