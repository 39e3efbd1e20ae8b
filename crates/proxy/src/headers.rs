//! Headers that the proxy owns (I3) and hop-by-hop rules, in one place.
